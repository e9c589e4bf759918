// A picture of velocities in the making: what `flow.cpp` makes links of. The loops work on whole lanes: pictures of cells
// have `Grid::stride()` of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "flow.h"

namespace videotx {

// Centres of the cells, row by row.
struct Centres {
  std::vector<float> x;
  std::vector<float> y;

  explicit Centres(const Grid& grid);
};

// Cells of one picture, number by number, and room to read whole lanes from any of them.
struct Draft {
  std::vector<float> x;
  std::vector<float> y;
  std::vector<float> rate;

  explicit Draft(const Grid& grid)
      : x(grid.stride() + kLanes), y(grid.stride() + kLanes), rate(grid.stride() + kLanes) {}
};

// `own` are the estimates of the frame whose grid this is, on the side of the link; `behind` those on its other side,
// which only serve as a guess; `opposite` those of the frame at the other end, `frames_away`, or null where it has none.
// Returns how many cells neither knows.
std::size_t fill_known(const Grid& grid, const Centres& centres, const Cell* own, const Cell* behind,
                       const Cell* opposite, float frames_away, Draft& out);

// Unknown cells take the velocities of a further picture, `frames_away`, whose references lie beyond the link: of
// `highest_rate` at most. Returns how many cells did.
//
// Known cells are made `steady` by it if asked for. A picture that refers far back knows the mean velocity over that time
// better than the pictures between, whose short vectors are rounded each, and which get away with none where two
// references average to the right picture (direct and skipped blocks of slow zooms). Estimates are weighted as if
// rounding were all their error, unless they contradict.
std::size_t take_further(const Grid& grid, const Centres& centres, const Cell* further, float frames_away,
                         float highest_rate, bool steady, Draft& out);

// The velocities of a draft, and which of its cells nothing is known of.
void finish(const Grid& grid, const Draft& draft, Velocity* velocity, std::uint8_t* filled);

}  // namespace videotx
