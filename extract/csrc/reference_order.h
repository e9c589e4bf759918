// Which picture a motion vector points into, as far as it can be known without the entropy-coded reference index.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

namespace videotx {

// What the vectors of either list point into: signed distances in display order, -128 where there is no telling.
struct ListDistances {
  int list0;
  int list1;
};

// Pictures are numbered in decoding order. Told of every reference picture by `coded` and of every displayed picture by
// `displayed`, it resolves the references of a displayed picture from decoding and display order.
//
// With `single` (the stream allows one reference) both lists point into the reference decoded last: exact. Else each list
// is taken to point to the nearest reference in its direction (list 0 past, list 1 future) among those decoded before,
// or, where there is none, in the other direction: an assumption.
class ReferenceOrder {
 public:
  // No decoder holds back more pictures than fit the decoded picture buffer (H.264 clause A.3.1: 16 frames).
  static constexpr std::int64_t kMostReordered = 16;

  explicit ReferenceOrder(bool single) : single_(single) {}

  [[nodiscard]] bool single() const { return single_; }
  void set_single(bool single) { single_ = single; }
  // The reference picture `number` was decoded; not `shown`, it will never be displayed.
  void coded(std::int64_t number, bool shown);
  // The picture `number` is the `index`-th in display order.
  void displayed(std::int64_t number, std::int64_t index);
  // Nothing while a reference that may be meant has not been displayed yet. `both` asks for list 1 too, `final` says that
  // no picture will be displayed any more.
  [[nodiscard]] std::optional<ListDistances> resolve(std::int64_t number, std::int64_t index, bool both, bool final);

 private:
  struct Reference {
    std::int64_t number;
    std::optional<std::int64_t> index;  // in display order, once it is displayed
    bool shown;  // false for what is decoded but never displayed (before the start of an edit list, or lost)
  };

  [[nodiscard]] std::optional<ListDistances> resolve_single(std::int64_t number, std::int64_t index, bool give_up) const;

  bool single_;
  std::deque<Reference> references_;  // the last ones
  std::int64_t num_displayed_ = 0;
};

}  // namespace videotx
