#include "follow.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "clones.h"
#include "lanes.h"

namespace videotx {
namespace {

VIDEOTX_INLINE float within(float value, float most) {
  const float positive = value > 0.0F ? value : 0.0F;
  return positive < most ? positive : most;
}

// What the walkers of one step are to add to their residual: the bilinear mean of four cells, weighted.
struct Additions {
  std::vector<std::int32_t> corner;  // upper left of the four, counted from those of the first frame of the link
  std::vector<std::int32_t> right;   // steps to the others, 0 at the border
  std::vector<std::int32_t> below;
  std::vector<float> x;  // weight of the right and of the lower cells
  std::vector<float> y;
  std::vector<float> weight;
  std::vector<float> magnitude;

  explicit Additions(std::size_t count)
      : corner(count), right(count), below(count), x(count), y(count), weight(count), magnitude(count) {}
};

// Rates of the blocks at either end of a link, and the cells of residual.
struct Ends {
  const Cell* future;  // of the first frame
  const Cell* past;    // of the second frame
  int rows;
  int columns;
  float block;
  int cell_rows;
  int cell_columns;
  float left;
  float top;
  float cell_width;
  float cell_height;
  float sign;
};

// What the stream adds between the two frames of a link: the share of one frame in the residual of the block that predicts
// across it, of the second frame before the first. `first` and `second` are where the walkers are in either.
VIDEOTX_CLONES void weigh(std::size_t count, const float* __restrict first_x, const float* __restrict first_y,
                          const float* __restrict second_x, const float* __restrict second_y, Ends ends,
                          Additions& out) {
  std::int32_t* const corners = out.corner.data();
  std::int32_t* const rights = out.right.data();
  std::int32_t* const belows = out.below.data();
  float* const xs = out.x.data();
  float* const ys = out.y.data();
  float* const weights = out.weight.data();
  float* const magnitudes = out.magnitude.data();
  const Cell* const past = ends.past;
  const Cell* const future = ends.future;
  const auto last_column = static_cast<float>(ends.columns - 1), last_row = static_cast<float>(ends.rows - 1);
  const auto most_x = static_cast<float>(ends.cell_columns - 1), most_y = static_cast<float>(ends.cell_rows - 1);
  const std::int32_t columns = ends.columns, cell_columns = ends.cell_columns, cell_rows = ends.cell_rows;
  const std::int32_t cells = cell_rows * cell_columns;
  const float block = ends.block, cell_width = ends.cell_width, cell_height = ends.cell_height;
  const float origin_x = ends.left, origin_y = ends.top, sign = ends.sign;
  VIDEOTX_INDEPENDENT
  for (std::size_t i = 0; i < count; ++i) {
    const float at_second = past[static_cast<std::int32_t>(within(second_y[i] / block, last_row)) * columns +
                                 static_cast<std::int32_t>(within(second_x[i] / block, last_column))].rate;
    const float at_first = future[static_cast<std::int32_t>(within(first_y[i] / block, last_row)) * columns +
                                  static_cast<std::int32_t>(within(first_x[i] / block, last_column))].rate;
    // Products instead of choices: a load that only one choice needs would become a branch.
    const float of_second = at_second > 0.0F ? 1.0F : 0.0F, of_first = 1.0F - of_second;
    const float x = of_second * second_x[i] + of_first * first_x[i];
    const float y = of_second * second_y[i] + of_first * first_y[i];
    const float column = within((x - origin_x) / cell_width - 0.5F, most_x);
    const float row = within((y - origin_y) / cell_height - 0.5F, most_y);
    const auto left = static_cast<std::int32_t>(column), top = static_cast<std::int32_t>(row);
    corners[i] = static_cast<std::int32_t>(of_second) * cells + top * cell_columns + left;
    rights[i] = static_cast<std::int32_t>(left + 1 < cell_columns);
    belows[i] = static_cast<std::int32_t>(top + 1 < cell_rows) * cell_columns;
    xs[i] = column - static_cast<float>(left);
    ys[i] = row - static_cast<float>(top);
    weights[i] = sign * (of_second * at_second - of_first * at_first);
    magnitudes[i] = of_second * at_second + of_first * at_first;
  }
}

// Values 0 to 3 and 2 to 5, which fill registers.
struct Residual {
  Four first = {};
  Four last = {};
};

Four load(const float* from) { return load_lanes<Four>(from); }

// Bilinear mean of the values of four cells.
Four mean_of(const float* a, const float* b, const float* c, const float* d, float x, float y) {
  const Four upper = load(a) + x * (load(b) - load(a));
  return upper + y * (load(c) + x * (load(d) - load(c)) - upper);
}

class Follower {
 public:
  Follower(const Links& links, const Estimates& estimates, float width, float height, const ResidualCells* cells,
           std::size_t num_walkers)
      : links_(links),
        estimates_(estimates),
        width_(width),
        height_(height),
        cells_(cells),
        additions_(cells == nullptr ? 0 : num_walkers) {}

  // Walkers [begin, end) cross the link after frame `index` together, so that its field is read while it is in the cache.
  // Those right behind them may be moved too, and must not have been started yet.
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
    const Flow& flow = forward ? links_.forward : links_.backward;
    const Velocity* const velocity = flow.velocity.data() + which * grid.stride();
    const std::uint8_t* const filled = flow.has_filled[which] != 0 ? flow.filled.data() + which * grid.stride() : nullptr;
    const Step step{grid.rows, grid.columns, 1.0F / grid.block, forward ? 1.0F : -1.0F, width_, height_};
    const auto take_step = [&] { move(walkers, begin, end - begin, velocity, filled, step); };
    if (residuals.empty()) {
      take_step();
      return;
    }
    const auto first = static_cast<std::ptrdiff_t>(begin), last = static_cast<std::ptrdiff_t>(end);
    from_x_.assign(walkers.x.begin() + first, walkers.x.begin() + last);
    from_y_.assign(walkers.y.begin() + first, walkers.y.begin() + last);
    take_step();
    const float* const to_x = walkers.x.data() + begin;
    const float* const to_y = walkers.y.data() + begin;
    const ResidualCells& cells = *cells_;
    const Ends ends{estimates_.future.of(index),
                    estimates_.past.of(index + 1),
                    grid.rows,
                    grid.columns,
                    grid.block,
                    cells.rows,
                    cells.columns,
                    cells.left,
                    cells.top,
                    cells.cell_width,
                    cells.cell_height,
                    step.sign};
    if (forward) {
      weigh(end - begin, from_x_.data(), from_y_.data(), to_x, to_y, ends, additions_);
    } else {
      weigh(end - begin, to_x, to_y, from_x_.data(), from_y_.data(), ends, additions_);
    }
    add(residuals.subspan(begin, end - begin), index);
  }

 private:
  void add(std::span<Residual> sums, std::size_t index) const {
    const auto size = static_cast<std::size_t>(cells_->rows) * static_cast<std::size_t>(cells_->columns);
    const float* const base = cells_->values.data() + (index - static_cast<std::size_t>(cells_->first)) * size * kResidualValues;
    for (std::size_t w = 0; w < sums.size(); ++w) {
      if (additions_.magnitude[w] == 0.0F) {
        continue;
      }
      const float* const a = base + static_cast<std::size_t>(additions_.corner[w]) * kResidualValues;
      const float* const b = a + static_cast<std::size_t>(additions_.right[w]) * kResidualValues;
      const std::size_t below = static_cast<std::size_t>(additions_.below[w]) * kResidualValues;
      const float* const c = a + below;
      const float* const d = b + below;
      const float x = additions_.x[w], y = additions_.y[w];
      const float mean = additions_.weight[w], magnitude = additions_.magnitude[w];
      sums[w].first += Four{mean, mean, mean, magnitude} * mean_of(a, b, c, d, x, y);
      sums[w].last += Four{mean, magnitude, magnitude, magnitude} * mean_of(a + 2, b + 2, c + 2, d + 2, x, y);
    }
  }

  const Links& links_;
  const Estimates& estimates_;
  float width_;
  float height_;
  const ResidualCells* cells_;
  std::vector<float> from_x_;
  std::vector<float> from_y_;
  Additions additions_;
};

}  // namespace

Traces follow(const Links& links, const Estimates& estimates, std::span<const std::int32_t> frames,
              std::span<const Point> points, float width, float height, const Telling& telling,
              const ResidualCells* cells) {
  const std::size_t t = frames.size();
  const std::size_t p = points.size();
  Traces out{t, p, std::vector<Point>(t * t * p), std::vector<std::uint8_t>(t * t * p, 1),
             std::vector<float>(t * t * p), {}};
  if (cells != nullptr) {
    out.residual.resize(t * t * p * kResidualValues);
  }
  Follower follower(links, estimates, width, height, cells, t * p);
  Walkers walkers(t * p);
  std::vector<Residual> residuals(cells != nullptr ? t * p : 0);

  const auto start = [&](std::size_t source) {
    walkers.start(source * p, points);
    if (cells != nullptr) {
      std::fill_n(residuals.begin() + static_cast<std::ptrdiff_t>(source * p), p, Residual{});
    }
  };
  const auto record = [&](std::size_t source, std::size_t target) {
    const std::size_t first = (source * t + target) * p;
    tell(walkers, source * p, points, std::abs(frames[target] - frames[source]), telling,
         out.displacement.data() + first, out.valid.data() + first, out.filled.data() + first);
    for (std::size_t i = 0; i < p && cells != nullptr; ++i) {
      float* const to = out.residual.data() + (first + i) * kResidualValues;
      std::memcpy(to, &residuals[source * p + i].first, sizeof(Four));
      std::memcpy(to + 2, &residuals[source * p + i].last, sizeof(Four));
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
