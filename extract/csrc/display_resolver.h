// Turns the references of pictures into signed display distances.
//
// A picture may point to one that is displayed later (a B picture does), so it is held until every picture it points to
// has been given its place in display order, or is known never to be displayed.
#pragma once

#include <deque>
#include <optional>

#include "coded_picture.h"

namespace videotx {

class DisplayResolver {
 public:
  // The next picture in display order; its `ref` indexes its `references`.
  void display(CodedPicture&& picture);
  // A picture that is referenced but never displayed (dropped, or inferred for a gap in frame numbers).
  void never_display(PictureId id);
  // No further picture will come: what has no place yet never gets one.
  void finish() { finished_ = true; }
  // The next finished picture, if there is one.
  std::optional<CodedPicture> pop();

 private:
  static constexpr std::int32_t kPending = -1;
  static constexpr std::int32_t kNever = -2;
  // Distances beyond +-127 are unknown by definition, so places this old need not be remembered.
  static constexpr std::size_t kRemembered = 1024;

  struct Waiting {
    std::int32_t index;
    CodedPicture picture;
  };

  void set_place(PictureId id, std::int32_t place);
  [[nodiscard]] std::int32_t place(PictureId id) const;
  void resolve(Waiting& waiting) const;

  std::deque<std::int32_t> places_;  // of picture first_id_ + i
  PictureId first_id_ = 0;
  std::int32_t next_index_ = 0;
  std::deque<Waiting> waiting_;
  bool finished_ = false;
};

}  // namespace videotx
