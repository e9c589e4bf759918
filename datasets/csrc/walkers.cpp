#include "walkers.h"

#include <algorithm>
#include <array>

#include "clones.h"

namespace videotx {
namespace {

// Where the smooth field and the block's own vector differ by more than this (px per frame), an edge of a moving
// thing runs between the blocks, and a mean of both sides would be nobody's motion.
constexpr float kEdge = 0.5F;

// Where some walkers are on the grid of cells.
struct Positions {
  static constexpr std::size_t kMost = 16;  // times kLanes walkers together

  VIDEOTX_INLINE void place(std::size_t which, Lanes x, Lanes y, const Step& step) {
    Lanes c = x * step.per_block - 0.5F, r = y * step.per_block - 0.5F;
    c = masked(c > 0.0F, c);
    r = masked(r > 0.0F, r);
    const IntLanes left = within(whole_of(c), step.columns - 1), top = within(whole_of(r), step.rows - 1);
    // Beyond the last cell there is none to weigh.
    const auto last_column = static_cast<float>(step.columns - 1), last_row = static_cast<float>(step.rows - 1);
    store_lanes(right[which].data(), masked(c < last_column, c - float_of(left)));
    store_lanes(down[which].data(), masked(r < last_row, r - float_of(top)));
    const IntLanes corner = top * step.columns + left;
    store_lanes(upper[which].data(), 2 * corner);
    store_lanes(lower[which].data(), 2 * (corner + ((top + 1 < step.rows) & step.columns)));
  }

  template <typename Number>
  using Many = std::array<std::array<Number, kLanes>, kMost>;

  // How far they are beyond the centre of the cell to the upper left, in cells.
  Many<float> right;
  Many<float> down;
  // The first number of that cell and of the one below, of two a cell.
  Many<std::uint32_t> upper;
  Many<std::uint32_t> lower;
};

VIDEOTX_CLONES void move_lanes(std::size_t count, float* x, float* y, std::int32_t* state, std::int32_t* num_filled,
                               const Velocity* velocity, const std::uint8_t* filled, Step step) {
  const float* const base = &velocity->x;
  Positions at;
  for (std::size_t begin = 0; begin < count; begin += kLanes * Positions::kMost) {
    const std::size_t num_lanes = std::min(Positions::kMost, (count - begin + kLanes - 1) / kLanes);
    for (std::size_t lanes = 0; lanes < num_lanes; ++lanes) {
      const std::size_t i = begin + lanes * kLanes;
      at.place(lanes, load_lanes<Lanes>(x + i), load_lanes<Lanes>(y + i), step);
    }
    for (std::size_t lanes = 0; lanes < num_lanes; ++lanes) {
      const std::size_t i = begin + lanes * kLanes;
      const auto u = load_lanes<Lanes>(at.right[lanes].data()), v = load_lanes<Lanes>(at.down[lanes].data());
      // Both numbers of a cell, then both of the next one. In the last column that counts for nothing, as u is 0.
      const FourLanes north = load_fours(base, at.upper[lanes]), south = load_fours(base, at.lower[lanes]);
      const Lanes left_x = north.first + v * (south.first - north.first);
      const Lanes left_y = north.second + v * (south.second - north.second);
      const Lanes right_x = north.third + v * (south.third - north.third);
      const Lanes right_y = north.fourth + v * (south.fourth - north.fourth);
      const Lanes mean_x = left_x + u * (right_x - left_x), mean_y = left_y + u * (right_y - left_y);
      const IntLanes is_east = u >= 0.5F, is_south = v >= 0.5F;
      const Lanes own_x = is_south ? (is_east ? south.third : south.first) : (is_east ? north.third : north.first);
      const Lanes own_y = is_south ? (is_east ? south.fourth : south.second) : (is_east ? north.fourth : north.second);
      const IntLanes at_edge = magnitude_of(mean_x - own_x) + magnitude_of(mean_y - own_y) > kEdge;
      const Lanes to_x = load_lanes<Lanes>(x + i) + step.sign * (at_edge ? own_x : mean_x);
      const Lanes to_y = load_lanes<Lanes>(y + i) + step.sign * (at_edge ? own_y : mean_y);
      const IntLanes outside = (to_x < 0.0F) | (to_y < 0.0F) | (to_x > step.width) | (to_y > step.height);
      store_lanes(x + i, to_x);
      store_lanes(y + i, to_y);
      store_lanes(state + i, load_lanes<IntLanes>(state + i) | (outside & kOutside));
      if (filled != nullptr) {
        const auto upper = load_lanes<IntLanes>(at.upper[lanes].data());
        const auto lower = load_lanes<IntLanes>(at.lower[lanes].data());
        const Indices own(((is_south ? lower : upper) >> 1) + (is_east & 1));
        const auto of = [&](std::size_t lane) { return static_cast<std::int32_t>(filled[own[lane]]); };
        const IntLanes more = {of(0), of(1), of(2), of(3), of(4), of(5), of(6), of(7)};
        store_lanes(num_filled + i, load_lanes<IntLanes>(num_filled + i) + more);
      }
    }
  }
}

VIDEOTX_CLONES void tell_points(std::size_t count, const float* __restrict x, const float* __restrict y,
                                const std::int32_t* __restrict state, const std::int32_t* __restrict num_filled,
                                const Point* __restrict start, float per_step, Telling telling,
                                Point* __restrict displacement, std::uint8_t* __restrict valid,
                                float* __restrict filled) {
  for (std::size_t i = 0; i < count; ++i) {
    displacement[i] = {(x[i] - start[i].x) * telling.scale_x, (y[i] - start[i].y) * telling.scale_y};
  }
  for (std::size_t i = 0; i < count; ++i) {
    filled[i] = static_cast<float>(num_filled[i]) * per_step;
  }
  for (std::size_t i = 0; i < count; ++i) {
    valid[i] = static_cast<std::uint8_t>((state[i] == 0) & (filled[i] <= telling.most_filled));
  }
}

}  // namespace

void Walkers::start(std::size_t first, std::span<const Point> points) {
  for (std::size_t i = 0; i < points.size(); ++i) {
    x[first + i] = points[i].x;
    y[first + i] = points[i].y;
    state[first + i] = 0;
    num_filled[first + i] = 0;
  }
}

void move(Walkers& walkers, std::size_t first, std::size_t count, const Velocity* velocity, const std::uint8_t* filled,
          const Step& step) {
  move_lanes(count, walkers.x.data() + first, walkers.y.data() + first, walkers.state.data() + first,
             walkers.num_filled.data() + first, velocity, filled, step);
}

void tell(const Walkers& walkers, std::size_t first, std::span<const Point> points, int num_steps,
          const Telling& telling, Point* displacement, std::uint8_t* valid, float* filled) {
  tell_points(points.size(), walkers.x.data() + first, walkers.y.data() + first, walkers.state.data() + first,
              walkers.num_filled.data() + first, points.data(), 1.0F / static_cast<float>(num_steps), telling,
              displacement, valid, filled);
}

}  // namespace videotx
