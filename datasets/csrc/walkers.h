// Points on their way through the links between frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "flow.h"
#include "lanes.h"

namespace videotx {

struct Point {
  float x = 0.0F;
  float y = 0.0F;
};

inline constexpr std::int32_t kBroken = 1;   // the trace crosses a key frame or a cut
inline constexpr std::int32_t kOutside = 2;  // it leaves the picture on its way

// Coordinate by coordinate, so that eight are moved at once, and room for as many.
struct Walkers {
  std::vector<float> x;
  std::vector<float> y;
  std::vector<std::int32_t> state;
  std::vector<std::int32_t> num_filled;  // how many of the steps took a filled velocity

  explicit Walkers(std::size_t count)
      : x(count + kLanes), y(count + kLanes), state(count + kLanes), num_filled(count + kLanes) {}

  // Those from `first` on, one a point, begin there.
  void start(std::size_t first, std::span<const Point> points);
};

struct Step {
  int rows;
  int columns;
  float per_block;
  float sign;
  float width;
  float height;
};

// Move `count` walkers from `first` on by the field under them: the bilinear mean of four cells, or the cell's own velocity
// at an edge. They are moved by whole lanes, so up to kLanes - 1 after the last. `filled` may be null, where no cell is.
void move(Walkers& walkers, std::size_t first, std::size_t count, const Velocity* velocity, const std::uint8_t* filled,
          const Step& step);

// How traces are told: displacements in shown pixels, `scale` of them a sample; not valid where more than this share of the
// steps was filled.
struct Telling {
  float scale_x = 1.0F;
  float scale_y = 1.0F;
  float most_filled = 1.0F;
};

// Where the walkers from `first` on are, as many as there are points, from where they started `num_steps` steps ago.
void tell(const Walkers& walkers, std::size_t first, std::span<const Point> points, int num_steps,
          const Telling& telling, Point* displacement, std::uint8_t* valid, float* filled);

}  // namespace videotx
