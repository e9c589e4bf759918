// Residual pictures reduced to cells, and residual added up along chains of references.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "flow.h"
#include "follow.h"

namespace videotx {

// Pictures (frame, y, x, channel); a stored value v means the residual (v - zero) * scale.
template <typename Sample>
struct ResidualPictures {
  std::span<const Sample> samples;
  int num_frames = 0;
  int height = 0;
  int width = 0;
  int zero = 0;
  int scale = 1;
};

// Cells of cell_width x cell_height picture samples, one of which begins at (origin_x, origin_y). The native picture is
// native_width x native_height; the cells of the result are placed in it.
struct CellLayout {
  float origin_x = 0.0F;
  float origin_y = 0.0F;
  float cell_width = 8.0F;
  float cell_height = 8.0F;
  float native_width = 0.0F;
  float native_height = 0.0F;
};

template <typename Sample>
ResidualCells reduce_to_cells(const ResidualPictures<Sample>& pictures, const CellLayout& layout);

// One picture followed back along its references, block by block as the decoder predicts: sample by sample, where it
// comes from and what was added on the way. `source` is the frame where the chain ends (intra, or frame 0 of the run).
struct Accumulated {
  std::vector<Point> displacement;    // (y, x) in samples of the raster, to the source
  std::vector<std::int32_t> residual;  // (y, x, channel), empty without pictures
  std::vector<std::int32_t> source;   // (y, x)
};

// `height` x `width` is the raster walked, `block_height` x `block_width` the size of a block of the grid in it.
template <typename Sample>
Accumulated accumulate(const BlockMotion& motion, const ResidualPictures<Sample>* pictures, int frame, int height,
                       int width, float block_height, float block_width);

}  // namespace videotx
