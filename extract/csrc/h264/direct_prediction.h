// Direct prediction of B macroblocks, spatial and temporal (clause 8.4.1.2), and implicit weights (clause 8.4.2.3.1).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "h264/macroblock.h"

namespace videotx::h264 {

// DistScaleFactor (equation 8-201 and following) of an order count between two that differ.
std::int32_t dist_scale_factor(std::int32_t current, std::int32_t poc0, std::int32_t poc1);
bool no_distance(std::int32_t poc0, std::int32_t poc1);

class DirectPrediction {
 public:
  // Once per B slice.
  void prepare(const Slice& slice);
  // Motion of the 8x8 blocks in `blocks` (bit per block), into the caches. Neighbours must be loaded.
  // For a whole macroblock, `blocks` is 15.
  void predict(const Slice& slice, Macroblock& mb, unsigned blocks) const;

 private:
  struct Colocated {
    std::int8_t ref;
    MotionVector mv;
    bool from_list1;
    std::uint16_t slice;
  };
  [[nodiscard]] Colocated colocated(const Macroblock& mb, int column, int row) const;
  void predict_spatial(const Slice& slice, Macroblock& mb, unsigned blocks) const;
  void predict_temporal(Macroblock& mb, unsigned blocks) const;
  void map_references(const Slice& slice);

  // The same where frames may be made of fields, in field_direct.cpp.
  struct FieldColocated {
    std::int8_t ref = -1;
    std::size_t list = 0;
    MotionVector mv;
    std::size_t place = 0;
    bool field = false;
  };
  [[nodiscard]] FieldColocated field_colocated(const Slice& slice, const Macroblock& mb, int block) const;
  void predict_field_temporal(const Slice& slice, Macroblock& mb, unsigned blocks) const;

  bool interlaced_ = false;
  bool spatial_ = true;
  bool inference_8x8_ = true;
  bool colocated_short_term_ = false;
  const Picture* colocated_ = nullptr;
  // Temporal: refIdxL0 by [slice of the co-located picture][list][reference index there], -1 where it is not in list 0.
  std::vector<std::array<std::array<std::int8_t, kMaxReferences>, 2>> map_;
  std::array<std::int32_t, kMaxReferences> scale_{};  // DistScaleFactor by refIdxL0
  std::array<bool, kMaxReferences> unscaled_{};       // long-term, or no distance
};

// w1 by [refIdxL0 * 32 + refIdxL1]; w0 is 64 - w1. With MBAFF three such tables, see SliceRecord.
std::vector<std::int16_t> implicit_weights(const Slice& slice);

}  // namespace videotx::h264
