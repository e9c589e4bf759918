// Block vectors of a run of frames, turned into velocities between neighbouring frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace videotx {

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

// Velocities of the cells of one or more pictures, coordinate by coordinate, so that eight are worked on at once.
// `rate` is 1 / (distance in frames that the velocity is the mean over), which is how well it is known, or 0 where
// nothing is known; the velocity there is 0.
struct Field {
  std::vector<float> x;
  std::vector<float> y;
  std::vector<float> rate;

  void resize(std::size_t count) {
    x.resize(count);
    y.resize(count);
    rate.resize(count);
  }
  void clear(std::size_t count) {
    x.assign(count, 0.0F);
    y.assign(count, 0.0F);
    rate.assign(count, 0.0F);
  }
};

// Both sides of every frame of a run, (frame, row, column): what blocks say about [frame - |ref|, frame] and about
// [frame, frame + ref].
struct Estimates {
  Grid grid;
  Field past;
  Field future;
  std::vector<std::uint8_t> has_past;  // by frame: whether any block says anything
  std::vector<std::uint8_t> has_future;
  std::vector<int> reach;  // by frame: the distance that at least half of its blocks refer back to or beyond
};

// Both this and `link` overwrite what `out` held and keep its memory: a clip needs megabytes of it, and asking the
// system for those again and again costs more than the work.
//
// The estimates are those of `pool` x `pool` cells each, by the median of what they know.
void estimate(const BlockMotion& motion, int pool, Estimates& out);

// Velocities between frame f and frame f + 1, on the grid of f (`forward`) and on that of f + 1 (`backward`), for f from
// `first` on. `filled` is 1 for cells that no vector covers and that took their neighbours' velocity. A broken link has
// known motion nowhere, or almost nowhere: a key frame that nothing crosses, or a cut.
struct Links {
  Grid grid;
  int first = 0;
  Field forward;  // (link, row, column)
  Field backward;
  std::vector<std::int32_t> forward_filled;
  std::vector<std::int32_t> backward_filled;
  std::vector<std::uint8_t> broken;
};

// The links between frame `first` and frame `last`.
void link(const Estimates& estimates, int first, int last, Links& out);

}  // namespace videotx
