// Direct prediction of B macroblocks, spatial and temporal (clause 8.4.1.2), and implicit weights (clause 8.4.2.3.1).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "h264/macroblock.h"

namespace videotx::h264 {

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
  void predict_spatial(Macroblock& mb, unsigned blocks) const;
  void predict_temporal(Macroblock& mb, unsigned blocks) const;
  void map_references(const Slice& slice);

  bool spatial_ = true;
  bool inference_8x8_ = true;
  bool colocated_short_term_ = false;
  const Picture* colocated_ = nullptr;
  // Temporal: refIdxL0 by [slice of the co-located picture][list][reference index there], -1 where it is not in list 0.
  std::vector<std::array<std::array<std::int8_t, kMaxReferences>, 2>> map_;
  std::array<std::int32_t, kMaxReferences> scale_{};  // DistScaleFactor by refIdxL0
  std::array<bool, kMaxReferences> unscaled_{};       // long-term, or no distance
};

// w1 by [refIdxL0 * 32 + refIdxL1]; w0 is 64 - w1.
std::vector<std::int16_t> implicit_weights(const Slice& slice);

}  // namespace videotx::h264
