// Picture order counts, types 0 to 2 (clause 8.2.1).
#pragma once

#include <cstdint>

#include "h264/picture.h"
#include "h264/slice_header.h"

namespace videotx::h264 {

class PictureOrder {
 public:
  // Sets the order counts of `picture`, whose first slice has this header.
  void assign(const SliceHeader& header, Picture& picture);
  // To be called after reference marking, before the next picture.
  void finish(const SliceHeader& header, const Picture& picture);
  // A frame inferred for a gap in frame_num moves frame_num on.
  void skip_frame(const SequenceParameterSet& sps, std::uint32_t frame_num);

 private:
  static void set(const SliceHeader& header, Picture& picture, std::int32_t top, std::int32_t bottom);
  void assign_type0(const SliceHeader& header, Picture& picture);
  void assign_type1(const SliceHeader& header, Picture& picture, std::int32_t frame_num_offset) const;
  [[nodiscard]] std::int32_t frame_num_offset(const SequenceParameterSet& sps, bool idr, std::uint32_t frame_num) const;

  std::int32_t previous_msb_ = 0;
  std::uint32_t previous_lsb_ = 0;
  std::uint32_t previous_frame_num_ = 0;
  std::int32_t previous_frame_num_offset_ = 0;
  std::int32_t current_msb_ = 0;
  std::int32_t current_frame_num_offset_ = 0;
};

}  // namespace videotx::h264
