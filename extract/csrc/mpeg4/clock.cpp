#include "mpeg4/clock.h"

#include <algorithm>

namespace videotx::mpeg4 {
namespace {

std::int64_t divide_rounding(std::int64_t a, std::int64_t b) { return (a >= 0 ? a + b / 2 : a - b / 2) / b; }

// Decoders keep these distances in 16 bits; streams with gaps of more than 65535 ticks decode as if they wrapped.
int distance(std::int64_t ticks) { return static_cast<std::uint16_t>(ticks); }

}  // namespace

bool Clock::advance(const Vop& vop, const VideoObjectLayer& vol) {
  if (vop.type != VopType::kB) {
    last_base_ = base_;
    base_ += vop.modulo_seconds;
    time_ = base_ * vol.time_increment_resolution + vop.time_increment;
    times_.trd = distance(time_ - future_);
    future_ = time_;
    return true;
  }
  time_ = (last_base_ + vop.modulo_seconds) * vol.time_increment_resolution + vop.time_increment;
  times_.trb = distance(times_.trd - (future_ - time_));
  bool sound = times_.trd > times_.trb && times_.trb > 0;
  if (sound) set_field_times(sound, vol.interlaced);
  return sound;
}

void Clock::set_field_times(bool& sound, bool interlaced) {
  if (ticks_per_frame_ == 0) ticks_per_frame_ = std::max(times_.trb, 1);
  const std::int64_t past = divide_rounding(future_ - times_.trd, ticks_per_frame_);
  times_.trd_field = distance((divide_rounding(future_, ticks_per_frame_) - past) * 2);
  times_.trb_field = distance((divide_rounding(time_, ticks_per_frame_) - past) * 2);
  if (times_.trd_field <= times_.trb_field || times_.trb_field <= 1) {
    times_.trb_field = 2;
    times_.trd_field = 4;
    if (interlaced) sound = false;
  }
}

}  // namespace videotx::mpeg4
