// Motion vector prediction from neighbouring partitions (clause 8.4.1).
#pragma once

#include "h264/macroblock.h"

namespace videotx::h264 {

// Fills row -1 and column -1 of the motion caches from the picture, and marks the inside as not yet decoded.
void load_motion_neighbours(const Slice& slice, Macroblock& mb, std::size_t num_lists);
// Fills row -1 and column -1 of the magnitudes of vector differences, and of what ref_idx contexts need (CABAC).
void load_difference_neighbours(Macroblock& mb, std::size_t num_lists);

// Sets `width` x `height` cells (4x4 blocks) of a list, from (column, row).
inline void fill_ref(Macroblock& mb, std::size_t list, int column, int row, int width, int height, std::int8_t ref) {
  fill_cells(mb.ref[list], column, row, width, height, ref);
}
inline void fill_mv(Macroblock& mb, std::size_t list, int column, int row, int width, int height, MotionVector mv) {
  fill_cells(mb.mv[list], column, row, width, height, mv);
}

// mvpLX of a partition of `width` blocks at (column, row) with reference index `ref`, by median.
MotionVector predict_median(const Macroblock& mb, std::size_t list, int column, int row, int width, int ref);
// The same for the partitions of 16x8 and 8x16 macroblocks, which prefer one neighbour.
MotionVector predict_16x8(const Macroblock& mb, std::size_t list, int row, int ref);
MotionVector predict_8x16(const Macroblock& mb, std::size_t list, int column, int ref);
// The vector of P_Skip (clause 8.4.1.1).
MotionVector predict_p_skip(const Macroblock& mb);

// Writes the motion caches to the picture.
void store_motion(const Slice& slice, const Macroblock& mb, std::size_t num_lists);
// Writes one vector for the whole macroblock, list 0.
void store_motion_16x16(const Slice& slice, const Macroblock& mb, MotionVector mv);

// The neighbour C of a partition, or D where C is not available.
struct NeighbourMotion {
  std::int8_t ref;
  MotionVector mv;
};
NeighbourMotion neighbour_c(const Macroblock& mb, std::size_t list, int column, int row, int width);

}  // namespace videotx::h264
