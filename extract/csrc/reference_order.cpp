#include "reference_order.h"

#include <algorithm>
#include <cstdlib>

namespace videotx {
namespace {

constexpr std::size_t kRemembered = 2 * ReferenceOrder::kMostReordered;
constexpr std::int64_t kMostDistance = 127;
constexpr int kUnknown = -128;

int distance(std::optional<std::int64_t> reference, std::int64_t index) {
  if (!reference || *reference == index || std::abs(*reference - index) > kMostDistance) return kUnknown;
  return static_cast<int>(*reference - index);
}

}  // namespace

void ReferenceOrder::coded(std::int64_t number, bool shown) {
  references_.push_back({number, std::nullopt, shown});
  if (references_.size() > kRemembered) references_.pop_front();
}

void ReferenceOrder::displayed(std::int64_t number, std::int64_t index) {
  num_displayed_ = index + 1;
  const auto found = std::find_if(references_.rbegin(), references_.rend(), [number](const Reference& reference) {
    return reference.number == number && !reference.index;
  });
  if (found != references_.rend()) found->index = index;
}

std::optional<ListDistances> ReferenceOrder::resolve(std::int64_t number, std::int64_t index, bool both, bool final) {
  const bool give_up = final || num_displayed_ - index > kMostReordered;
  if (single_) return resolve_single(number, index, give_up);
  std::optional<std::int64_t> past, future;
  bool waiting = false, hidden = false;
  for (Reference& reference : references_) {
    if (reference.number >= number) break;
    if (!reference.index) {
      if (give_up) reference.shown = false;
      waiting |= reference.shown;
      hidden |= !reference.shown;
    } else if (*reference.index < index) {
      past = std::max(past.value_or(*reference.index), *reference.index);
    } else if (*reference.index > index) {
      future = std::min(future.value_or(*reference.index), *reference.index);
    }
  }
  if (waiting && !future && (both || !past)) return std::nullopt;
  // What is never displayed lies before everything that is: the nearest past reference where there is no other.
  return ListDistances{distance(past || hidden ? past : future, index), distance(future ? future : past, index)};
}

std::optional<ListDistances> ReferenceOrder::resolve_single(std::int64_t number, std::int64_t index, bool give_up) const {
  const auto last = std::find_if(references_.rbegin(), references_.rend(),
                                 [number](const Reference& reference) { return reference.number < number; });
  if (last == references_.rend()) return ListDistances{kUnknown, kUnknown};
  if (!last->index && last->shown && !give_up) return std::nullopt;
  const int to_last = distance(last->index, index);
  return ListDistances{to_last, to_last};
}

}  // namespace videotx
