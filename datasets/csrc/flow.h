// Block vectors of a run of frames, turned into velocities between neighbouring frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lanes.h"

namespace videotx {

struct Grid {
  int rows = 0;
  int columns = 0;
  float block = 8.0F;

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns); }

  // From one picture of cells to the next.
  [[nodiscard]] std::size_t stride() const { return whole_lanes(size()); }
};

// (frame, list, row, column, xy) quarter samples and (frame, list, row, column) display distances, as stored.
struct BlockMotion {
  std::span<const std::int16_t> mv;
  std::span<const std::int8_t> ref;
  int num_frames = 0;
  Grid grid;
};

inline constexpr std::int8_t kRefUnknown = -128;

// What a picture says about the motion of one of its cells. `rate` is 1 / (distance in frames that the velocity is the
// mean over), which is how well it is known, or 0 where nothing is known; the velocity there is 0. As large as four
// numbers, so that one load takes all of them.
struct alignas(16) Cell {
  float x = 0.0F;  // samples per frame
  float y = 0.0F;
  float rate = 0.0F;
};

// Of one or more pictures, (picture, cell), each filled up to `Grid::stride()` cells.
using Field = std::vector<Cell>;

// What the blocks of every frame say about one side of it.
struct Side {
  Field cells;                       // of frames that say nothing they are not written
  std::vector<std::uint8_t> speaks;  // by frame: whether any block says anything
  Field nothing;                     // the cells of one frame that says nothing

  [[nodiscard]] const Cell* of(std::size_t frame) const {
    return speaks[frame] != 0 ? cells.data() + frame * nothing.size() : nothing.data();
  }
};

// Both sides of every frame of a run: what blocks say about [frame - |ref|, frame] and about [frame, frame + ref].
struct Estimates {
  Grid grid;
  Side past;
  Side future;
  std::vector<int> reach;  // by frame: the distance that at least half of its blocks refer back to or beyond
};

// Both this and `link` overwrite what `out` held and keep its memory: a clip needs megabytes of it, and asking the
// system for those again and again costs more than the work.
//
// The estimates are those of `pool` x `pool` cells each, by the median of what they know.
void estimate(const BlockMotion& motion, int pool, Estimates& out);

// In samples per frame.
struct Velocity {
  float x = 0.0F;
  float y = 0.0F;
};

// Velocities of all cells from link to link, each picture filled up to `Grid::stride()` cells.
struct Flow {
  std::vector<Velocity> velocity;        // and one more, so that two may be read at once
  std::vector<std::uint8_t> filled;      // 1 where no vector covers the cell, which took its neighbours' velocity
  std::vector<std::uint8_t> has_filled;  // by link: whether any cell is
};

// The motion between frame f and frame f + 1, on the grid of f (`forward`) and on that of f + 1 (`backward`), for f from
// `first` on. A broken link has known motion nowhere, or almost nowhere: a key frame that nothing crosses, or a cut.
struct Links {
  Grid grid;
  int first = 0;
  Flow forward;
  Flow backward;
  std::vector<std::uint8_t> broken;
};

// The links between frame `first` and frame `last`.
void link(const Estimates& estimates, int first, int last, Links& out);

}  // namespace videotx
