// Residual pictures reduced to cells, and residual added up along chains of references.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "flow.h"
#include "follow.h"
#include "jpeg_picture.h"

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

// A picture cut into cells: cell (row, column) holds samples [y[row], y[row + 1]) x [x[column], x[column + 1]). Both
// ascend from 0 to the size of the picture.
struct CellBorders {
  std::span<const std::int32_t> x;
  std::span<const std::int32_t> y;

  [[nodiscard]] std::size_t columns() const { return x.size() - 1; }
  [[nodiscard]] std::size_t rows() const { return y.size() - 1; }
};

// Mean and mean absolute residual of every cell, (frame, row, column, 6) at `out`.
template <typename Sample>
void reduce_to_cells(const ResidualPictures<Sample>& pictures, const CellBorders& borders, float* out);

// The same of one picture still coded, 4:4:4, whose code 128 means none: blocks without residual cost nothing. The
// picture's planes cover it whole.
void reduce_to_cells(const Planes& planes, int scale, const CellBorders& borders, float* out);

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
