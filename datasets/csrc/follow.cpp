#include "follow.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace videotx {
namespace {

// Where the smooth field and the block's own vector differ by more than this (px per frame), an edge of a moving
// thing runs between the blocks, and a mean of both sides would be nobody's motion.
constexpr float kEdge = 0.5F;

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

struct Walker {
  Point at;
  std::uint32_t state = 0;
  std::uint32_t num_filled = 0;
};

// Bilinear mean of four cells. Written as pairs of x and y, which compilers turn into vector instructions.
Velocity blend(const Velocity* field, const Tap& t) {
  const Velocity a = field[t.corner];
  const Velocity b = field[t.corner + t.right];
  const Velocity c = field[t.corner + t.below];
  const Velocity d = field[t.corner + t.right + t.below];
  const Velocity left{a.x + t.y * (c.x - a.x), a.y + t.y * (c.y - a.y)};
  const Velocity right{b.x + t.y * (d.x - b.x), b.y + t.y * (d.y - b.y)};
  return {left.x + t.x * (right.x - left.x), left.y + t.x * (right.y - left.y)};
}

using Residual = std::array<float, kResidualValues>;

class Follower {
 public:
  Follower(const Links& links, const Estimates& estimates, float width, float height, const ResidualCells* cells)
      : links_(links), estimates_(estimates), width_(width), height_(height), cells_(cells) {}

  // All `walkers` cross link `index` together, so that its field is read once while it is in the cache.
  void cross(std::span<Walker> walkers, std::span<Residual> residuals, std::size_t index, bool forward) const {
    if (links_.broken[index] != 0) {
      for (Walker& walker : walkers) {
        walker.state |= kBroken;
      }
      return;
    }
    const Grid grid = links_.grid;
    const Velocity* field = (forward ? links_.forward : links_.backward).data() + index * grid.size();
    const std::uint8_t* filled = (forward ? links_.forward_filled : links_.backward_filled).data() + index * grid.size();
    const float sign = forward ? 1.0F : -1.0F;
    const float per_block = 1.0F / grid.block;
    const float width = width_;
    const float height = height_;
    for (std::size_t i = 0; i < walkers.size(); ++i) {
      Walker& walker = walkers[i];
      const Point from = walker.at;
      const Tap t = tap(from.x * per_block, from.y * per_block, grid.columns, grid.rows);
      const std::size_t nearest = t.corner + (t.x >= 0.5F ? t.right : 0) + (t.y >= 0.5F ? t.below : 0);
      const Velocity own = field[nearest];
      Velocity v = blend(field, t);
      if (std::fabs(v.x - own.x) + std::fabs(v.y - own.y) > kEdge) {
        v = own;
      }
      walker.at = {from.x + sign * v.x, from.y + sign * v.y};
      walker.num_filled += filled[nearest];
      const bool outside = (walker.at.x < 0.0F) | (walker.at.y < 0.0F) | (walker.at.x > width) | (walker.at.y > height);
      walker.state |= outside ? kOutside : std::uint32_t{0};
      if (!residuals.empty()) {
        add_residual(residuals[i], index, forward ? from : walker.at, forward ? walker.at : from, sign);
      }
    }
  }

 private:
  // What the stream adds between frame `index` (at `first`) and frame `index + 1` (at `second`): the share of one frame
  // in the residual of the block that predicts across this link.
  void add_residual(Residual& sum, std::size_t index, Point first, Point second, float sign) const {
    const std::size_t cells = links_.grid.size();
    const float past = estimates_.past[(index + 1) * cells + cell_at(links_.grid, second.x, second.y)].rate;
    if (past > 0.0F) {
      add_cell(sum, index + 1, second, sign * past, past);
      return;
    }
    const float future = estimates_.future[index * cells + cell_at(links_.grid, first.x, first.y)].rate;
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
  const Follower follower(links, estimates, width, height, cells);
  std::vector<Walker> walkers(t * p);
  std::vector<Residual> residuals(cells != nullptr ? t * p : 0);

  const auto start = [&](std::size_t source) {
    for (std::size_t i = 0; i < p; ++i) {
      walkers[source * p + i] = Walker{points[i], 0, 0};
      if (cells != nullptr) {
        residuals[source * p + i].fill(0.0F);
      }
    }
  };
  const auto record = [&](std::size_t source, std::size_t target) {
    const float per_step = 1.0F / static_cast<float>(std::abs(frames[target] - frames[source]));
    for (std::size_t i = 0; i < p; ++i) {
      const Walker& walker = walkers[source * p + i];
      const std::size_t at = (source * t + target) * p + i;
      out.displacement[at] = {walker.at.x - points[i].x, walker.at.y - points[i].y};
      out.state[at] = static_cast<std::uint8_t>(walker.state);
      out.filled[at] = static_cast<float>(walker.num_filled) * per_step;
      if (cells != nullptr) {
        std::copy_n(residuals[source * p + i].begin(), kResidualValues,
                    out.residual.begin() + static_cast<std::ptrdiff_t>(at * kResidualValues));
      }
    }
  };
  const auto advance = [&](std::size_t first_source, std::size_t last_source, std::size_t index, bool forward) {
    const std::size_t begin = first_source * p;
    const std::size_t count = (last_source - first_source) * p;
    follower.cross(std::span(walkers).subspan(begin, count),
                   cells != nullptr ? std::span(residuals).subspan(begin, count) : std::span<Residual>(), index, forward);
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
