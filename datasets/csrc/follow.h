// Points followed from sampled frame to sampled frame through the links between all frames.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "flow.h"
#include "walkers.h"

namespace videotx {

// Mean and mean absolute residual of cells of the picture, frame by frame: (frame, row, column, 6). `first` is the frame
// of the run that the first of them belongs to. Cell (row, column) has its centre at native position
// (left + (column + 0.5) * cell_width, top + (row + 0.5) * cell_height).
struct ResidualCells {
  std::span<const float> values;
  int first = 0;
  int rows = 0;
  int columns = 0;
  float left = 0.0F;
  float top = 0.0F;
  float cell_width = 1.0F;
  float cell_height = 1.0F;
};

inline constexpr std::size_t kResidualValues = 6;

// (t, t', point): where the points of sampled frame t lie in sampled frame t'.
struct Traces {
  std::size_t num_sampled = 0;
  std::size_t num_points = 0;
  std::vector<Point> displacement;
  std::vector<std::uint8_t> valid;
  std::vector<float> filled;    // share of the steps that took a filled velocity
  std::vector<float> residual;  // (t, t', point, 6); empty without residual cells
};

// `frames` ascends and indexes the run of frames that `links` joins; `cells` may be null.
Traces follow(const Links& links, const Estimates& estimates, std::span<const std::int32_t> frames,
              std::span<const Point> points, float width, float height, const Telling& telling,
              const ResidualCells* cells);

}  // namespace videotx
