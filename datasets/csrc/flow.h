// Block vectors of a run of frames, turned into velocities between neighbouring frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace videotx {

// Pixels of the native picture per frame, in the direction of time.
struct Velocity {
  float x = 0.0F;
  float y = 0.0F;
};

// What a block says about the time on one side of its picture: the mean velocity from here to its reference, and
// 1 / (distance of that reference), which is how well it is known. A rate of 0 says "nothing known".
struct Estimate {
  Velocity velocity;
  float rate = 0.0F;
};

struct Grid {
  int rows = 0;
  int columns = 0;
  float block = 8.0F;

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns); }
};

// (frame, list, row, column, xy) quarter samples and (frame, list, row, column) display distances, as stored.
struct BlockMotion {
  std::span<const std::int16_t> mv;
  std::span<const std::int8_t> ref;
  int num_frames = 0;
  Grid grid;
};

inline constexpr std::int8_t kRefUnknown = -128;

// Index of the cell that holds a position, clamped to the grid.
inline std::size_t cell_at(const Grid& grid, float x, float y) {
  const float last_column = static_cast<float>(grid.columns - 1);
  const float last_row = static_cast<float>(grid.rows - 1);
  const float column = x / grid.block;
  const float row = y / grid.block;
  const int c = static_cast<int>(column < 0.0F ? 0.0F : (column > last_column ? last_column : column));
  const int r = static_cast<int>(row < 0.0F ? 0.0F : (row > last_row ? last_row : row));
  return static_cast<std::size_t>(r) * static_cast<std::size_t>(grid.columns) + static_cast<std::size_t>(c);
}

// Both sides of every frame: estimates over [frame - |ref|, frame] and over [frame, frame + ref].
struct Estimates {
  std::vector<Estimate> past;    // (frame, row, column)
  std::vector<Estimate> future;  // (frame, row, column)
};

Estimates estimate(const BlockMotion& motion);

// Velocities between frame f and frame f + 1, on the grid of f (`forward`) and on that of f + 1 (`backward`).
// `filled` marks cells that no vector covers and that took their neighbours' velocity. A broken link has known motion
// nowhere, or almost nowhere: a key frame that nothing crosses, or a cut.
struct Links {
  Grid grid;
  int num_links = 0;
  std::vector<Velocity> forward;
  std::vector<Velocity> backward;
  std::vector<std::uint8_t> forward_filled;
  std::vector<std::uint8_t> backward_filled;
  std::vector<std::uint8_t> broken;
};

Links link(const BlockMotion& motion, const Estimates& estimates);

}  // namespace videotx
