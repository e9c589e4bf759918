#include "follow.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "clones.h"

namespace videotx {
namespace {

// Where the smooth field and the block's own vector differ by more than this (px per frame), an edge of a moving
// thing runs between the blocks, and a mean of both sides would be nobody's motion.
constexpr float kEdge = 0.5F;

// Index of the cell that holds a position, clamped to the grid.
std::size_t cell_at(const Grid& grid, float x, float y) {
  const auto column = static_cast<std::size_t>(std::clamp(x / grid.block, 0.0F, static_cast<float>(grid.columns - 1)));
  const auto row = static_cast<std::size_t>(std::clamp(y / grid.block, 0.0F, static_cast<float>(grid.rows - 1)));
  return row * static_cast<std::size_t>(grid.columns) + column;
}

struct Tap {
  std::size_t corner;  // upper left of four cells
  std::size_t right;   // step to the right one, 0 at the border
  std::size_t below;
  float x;  // weight of the right and of the lower cells
  float y;
};

Tap tap(float column, float row, int columns, int rows) {
  const float c = std::clamp(column - 0.5F, 0.0F, static_cast<float>(columns - 1));
  const float r = std::clamp(row - 0.5F, 0.0F, static_cast<float>(rows - 1));
  const int left = static_cast<int>(c);
  const int top = static_cast<int>(r);
  return {static_cast<std::size_t>(top) * static_cast<std::size_t>(columns) + static_cast<std::size_t>(left),
          left + 1 < columns ? std::size_t{1} : std::size_t{0},
          top + 1 < rows ? static_cast<std::size_t>(columns) : std::size_t{0}, c - static_cast<float>(left),
          r - static_cast<float>(top)};
}

// Points on their way: (source, point), coordinate by coordinate, so that the compiler can move eight at once.
struct Walkers {
  std::vector<float> x;
  std::vector<float> y;
  std::vector<std::int32_t> state;
  std::vector<std::int32_t> num_filled;

  explicit Walkers(std::size_t count) : x(count), y(count), state(count), num_filled(count) {}
};

struct Step {
  int rows;
  int columns;
  float per_block;
  float sign;
  float width;
  float height;
};

// Move points by the field under them: the bilinear mean of four cells, or the cell's own velocity at an edge.
VIDEOTX_CLONES void move(std::size_t count, float* __restrict x, float* __restrict y, std::int32_t* __restrict state,
                         std::int32_t* __restrict num_filled, const float* __restrict field_x,
                         const float* __restrict field_y, const std::int32_t* __restrict filled, Step step) {
  const auto last_column = static_cast<float>(step.columns - 1);
  const auto last_row = static_cast<float>(step.rows - 1);
  for (std::size_t i = 0; i < count; ++i) {
    float c = x[i] * step.per_block - 0.5F;
    float r = y[i] * step.per_block - 0.5F;
    c = c > 0.0F ? c : 0.0F;
    r = r > 0.0F ? r : 0.0F;
    c = c < last_column ? c : last_column;
    r = r < last_row ? r : last_row;
    const auto left = static_cast<std::int32_t>(c);
    const auto top = static_cast<std::int32_t>(r);
    const float u = c - static_cast<float>(left);
    const float v = r - static_cast<float>(top);
    const std::int32_t right = static_cast<std::int32_t>(left + 1 < step.columns);
    const std::int32_t below = static_cast<std::int32_t>(top + 1 < step.rows) * step.columns;
    const std::int32_t corner = top * step.columns + left;
    const std::int32_t other = corner + right;
    const float x00 = field_x[corner], x01 = field_x[other], x10 = field_x[corner + below], x11 = field_x[other + below];
    const float y00 = field_y[corner], y01 = field_y[other], y10 = field_y[corner + below], y11 = field_y[other + below];
    const float left_x = x00 + v * (x10 - x00);
    const float left_y = y00 + v * (y10 - y00);
    const float right_x = x01 + v * (x11 - x01);
    const float right_y = y01 + v * (y11 - y01);
    const float mean_x = left_x + u * (right_x - left_x);
    const float mean_y = left_y + u * (right_y - left_y);
    // The nearest of the four, by products: a choice would become a branch.
    const std::int32_t to_right = static_cast<std::int32_t>(u >= 0.5F);
    const std::int32_t to_below = static_cast<std::int32_t>(v >= 0.5F);
    const auto east = static_cast<float>(to_right), west = 1.0F - east;
    const auto south = static_cast<float>(to_below), north = 1.0F - south;
    const float own_x = north * (west * x00 + east * x01) + south * (west * x10 + east * x11);
    const float own_y = north * (west * y00 + east * y01) + south * (west * y10 + east * y11);
    const std::int32_t nearest = corner + to_right * right + to_below * below;
    const float apart = std::fabs(mean_x - own_x) + std::fabs(mean_y - own_y);
    const float taken_x = apart > kEdge ? own_x : mean_x;
    const float taken_y = apart > kEdge ? own_y : mean_y;
    const float to_x = x[i] + step.sign * taken_x;
    const float to_y = y[i] + step.sign * taken_y;
    const std::int32_t outside = kOutside * (static_cast<std::int32_t>(to_x < 0.0F) | static_cast<std::int32_t>(to_y < 0.0F) |
                                             static_cast<std::int32_t>(to_x > step.width) |
                                             static_cast<std::int32_t>(to_y > step.height));
    x[i] = to_x;
    y[i] = to_y;
    state[i] |= outside;
    num_filled[i] += filled[nearest];
  }
}

using Residual = std::array<float, kResidualValues>;

class Follower {
 public:
  Follower(const Links& links, const Estimates& estimates, float width, float height, const ResidualCells* cells)
      : links_(links), estimates_(estimates), width_(width), height_(height), cells_(cells) {}

  // Walkers [begin, end) cross the link after frame `index` together, so that its field is read while it is in the cache.
  void cross(Walkers& walkers, std::span<Residual> residuals, std::size_t begin, std::size_t end, std::size_t index,
             bool forward) {
    const std::size_t which = index - static_cast<std::size_t>(links_.first);
    if (links_.broken[which] != 0) {
      for (std::size_t i = begin; i < end; ++i) {
        walkers.state[i] |= kBroken;
      }
      return;
    }
    const Grid& grid = links_.grid;
    const Field& field = forward ? links_.forward : links_.backward;
    const std::size_t at = which * grid.size();
    const float* const x = field.x.data() + at;
    const float* const y = field.y.data() + at;
    const std::int32_t* const filled = (forward ? links_.forward_filled : links_.backward_filled).data() + at;
    const Step step{grid.rows, grid.columns, 1.0F / grid.block, forward ? 1.0F : -1.0F, width_, height_};
    if (residuals.empty()) {
      move(end - begin, walkers.x.data() + begin, walkers.y.data() + begin, walkers.state.data() + begin,
           walkers.num_filled.data() + begin, x, y, filled, step);
      return;
    }
    const std::vector<float> from_x(walkers.x.begin() + static_cast<std::ptrdiff_t>(begin),
                                    walkers.x.begin() + static_cast<std::ptrdiff_t>(end));
    const std::vector<float> from_y(walkers.y.begin() + static_cast<std::ptrdiff_t>(begin),
                                    walkers.y.begin() + static_cast<std::ptrdiff_t>(end));
    move(end - begin, walkers.x.data() + begin, walkers.y.data() + begin, walkers.state.data() + begin,
         walkers.num_filled.data() + begin, x, y, filled, step);
    for (std::size_t i = begin; i < end; ++i) {
      const Point from{from_x[i - begin], from_y[i - begin]};
      const Point to{walkers.x[i], walkers.y[i]};
      add_residual(residuals[i], index, forward ? from : to, forward ? to : from, step.sign);
    }
  }

 private:
  // What the stream adds between frame `index` (at `first`) and frame `index + 1` (at `second`): the share of one frame
  // in the residual of the block that predicts across this link.
  void add_residual(Residual& sum, std::size_t index, Point first, Point second, float sign) const {
    const std::size_t cells = links_.grid.size();
    const float past = estimates_.past.rate[(index + 1) * cells + cell_at(links_.grid, second.x, second.y)];
    if (past > 0.0F) {
      add_cell(sum, index + 1, second, sign * past, past);
      return;
    }
    const float future = estimates_.future.rate[index * cells + cell_at(links_.grid, first.x, first.y)];
    if (future > 0.0F) {
      add_cell(sum, index, first, -sign * future, future);
    }
  }

  void add_cell(Residual& sum, std::size_t frame, Point at, float weight, float magnitude) const {
    const ResidualCells& m = *cells_;
    const Tap t = tap((at.x - m.left) / m.cell_width, (at.y - m.top) / m.cell_height, m.columns, m.rows);
    const std::size_t size = static_cast<std::size_t>(m.rows) * static_cast<std::size_t>(m.columns);
    const float* a = m.values.data() + ((frame - static_cast<std::size_t>(m.first)) * size + t.corner) * kResidualValues;
    const float* b = a + t.right * kResidualValues;
    const float* c = a + t.below * kResidualValues;
    const float* d = c + t.right * kResidualValues;
    for (std::size_t i = 0; i < kResidualValues; ++i) {
      const float upper = a[i] + t.x * (b[i] - a[i]);
      const float value = upper + t.y * (c[i] + t.x * (d[i] - c[i]) - upper);
      sum[i] += (i < 3 ? weight : magnitude) * value;
    }
  }

  const Links& links_;
  const Estimates& estimates_;
  float width_;
  float height_;
  const ResidualCells* cells_;
};

}  // namespace

Traces follow(const Links& links, const Estimates& estimates, std::span<const std::int32_t> frames,
              std::span<const Point> points, float width, float height, const ResidualCells* cells) {
  const std::size_t t = frames.size();
  const std::size_t p = points.size();
  Traces out{t, p, std::vector<Point>(t * t * p), std::vector<std::uint8_t>(t * t * p), std::vector<float>(t * t * p), {}};
  if (cells != nullptr) {
    out.residual.resize(t * t * p * kResidualValues);
  }
  Follower follower(links, estimates, width, height, cells);
  Walkers walkers(t * p);
  std::vector<Residual> residuals(cells != nullptr ? t * p : 0);

  const auto start = [&](std::size_t source) {
    for (std::size_t i = 0; i < p; ++i) {
      walkers.x[source * p + i] = points[i].x;
      walkers.y[source * p + i] = points[i].y;
      walkers.state[source * p + i] = 0;
      walkers.num_filled[source * p + i] = 0;
      if (cells != nullptr) {
        residuals[source * p + i].fill(0.0F);
      }
    }
  };
  const auto record = [&](std::size_t source, std::size_t target) {
    const float per_step = 1.0F / static_cast<float>(std::abs(frames[target] - frames[source]));
    for (std::size_t i = 0; i < p; ++i) {
      const std::size_t walker = source * p + i;
      const std::size_t at = (source * t + target) * p + i;
      out.displacement[at] = {walkers.x[walker] - points[i].x, walkers.y[walker] - points[i].y};
      out.state[at] = static_cast<std::uint8_t>(walkers.state[walker]);
      out.filled[at] = static_cast<float>(walkers.num_filled[walker]) * per_step;
      if (cells != nullptr) {
        std::copy_n(residuals[source * p + i].begin(), kResidualValues,
                    out.residual.begin() + static_cast<std::ptrdiff_t>(at * kResidualValues));
      }
    }
  };
  const auto advance = [&](std::size_t first_source, std::size_t last_source, std::size_t index, bool forward) {
    follower.cross(walkers, residuals, first_source * p, last_source * p, index, forward);
  };

  for (std::size_t target = 0; target < t; ++target) {
    if (target > 0) {
      for (auto f = static_cast<std::size_t>(frames[target - 1]); f < static_cast<std::size_t>(frames[target]); ++f) {
        advance(0, target, f, true);
      }
    }
    start(target);
    for (std::size_t source = 0; source < target; ++source) {
      record(source, target);
    }
  }
  for (std::size_t source = 0; source < t; ++source) {
    start(source);
  }
  for (std::size_t target = t - 1; target-- > 0;) {
    for (auto f = static_cast<std::size_t>(frames[target + 1]); f-- > static_cast<std::size_t>(frames[target]);) {
      advance(target + 1, t, f, false);
    }
    for (std::size_t source = target + 1; source < t; ++source) {
      record(source, target);
    }
  }
  return out;
}

}  // namespace videotx
