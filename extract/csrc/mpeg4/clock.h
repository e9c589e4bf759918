// Times of VOPs (ISO/IEC 14496-2, 6.3.4 and 6.3.5), for direct mode.
#pragma once

#include <cstdint>

#include "mpeg4/direct.h"
#include "mpeg4/headers.h"

namespace videotx::mpeg4 {

class Clock {
 public:
  void start_group(int seconds) { base_ = seconds; }
  // Every VOP with a header, coded or not, in decoding order. False for a B-VOP that lies not between its references.
  bool advance(const Vop& vop, const VideoObjectLayer& vol);
  [[nodiscard]] const DirectTimes& direct_times() const { return times_; }

 private:
  void set_field_times(bool& sound, bool interlaced);

  std::int64_t base_ = 0;       // seconds that time_increment counts from
  std::int64_t last_base_ = 0;  // the same for B-VOPs, one reference VOP earlier
  std::int64_t time_ = 0;       // ticks
  std::int64_t future_ = 0;     // of the last VOP that is not a B-VOP
  std::int64_t ticks_per_frame_ = 0;
  DirectTimes times_;
};

}  // namespace videotx::mpeg4
