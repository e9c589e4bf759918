#include "flow.h"

#include <algorithm>
#include <array>

#include "velocity.h"

namespace videotx {
namespace {

// A link with fewer known cells than this share is taken for a cut.
constexpr float kLeastKnown = 0.2F;

// References further away than this are not looked for when a picture's own motion is unknown.
constexpr int kFurthestCover = 16;

// Holes grow shut from their rims: each pass gives the cells that touch known ones the mean of those.
void fill_holes(const Grid& grid, Side side) {
  struct Hole {
    int row;
    int column;
    float x;
    float y;
    bool closed;
  };
  const auto cell_of = [&](int row, int column) { return static_cast<std::size_t>(row * grid.columns + column); };
  std::vector<std::int32_t> open(side.filled, side.filled + grid.size());
  std::vector<Hole> holes;
  for (int row = 0; row < grid.rows; ++row) {
    for (int column = 0; column < grid.columns; ++column) {
      if (open[cell_of(row, column)] != 0) {
        holes.push_back({row, column, 0.0F, 0.0F, false});
      }
    }
  }
  for (bool progress = true; progress;) {
    progress = false;
    for (Hole& hole : holes) {
      hole.x = hole.y = 0.0F;
      int known = 0;
      for (int r = std::max(hole.row - 1, 0); r <= std::min(hole.row + 1, grid.rows - 1); ++r) {
        for (int c = std::max(hole.column - 1, 0); c <= std::min(hole.column + 1, grid.columns - 1); ++c) {
          const std::size_t neighbour = cell_of(r, c);
          if (open[neighbour] == 0) {
            hole.x += side.x[neighbour];
            hole.y += side.y[neighbour];
            ++known;
          }
        }
      }
      hole.closed = known > 0;
      const float share = 1.0F / static_cast<float>(std::max(known, 1));
      hole.x *= share;
      hole.y *= share;
    }
    for (const Hole& hole : holes) {
      if (hole.closed) {
        const std::size_t cell = cell_of(hole.row, hole.column);
        side.x[cell] = hole.x;
        side.y[cell] = hole.y;
        open[cell] = 0;
        progress = true;
      }
    }
    std::erase_if(holes, [](const Hole& hole) { return hole.closed; });
  }
}

// The distance that at least half of a picture's blocks refer back to or beyond; 0 when fewer refer back at all.
int reach_of(const float* rate, std::size_t cells) {
  const auto half_reach = [&](int distance) {
    return 2 * count_slower(rate, cells, 1.0F / (static_cast<float>(distance) - 0.5F)) >= cells;
  };
  int least = 0;
  for (int beyond = kFurthestCover + 1; beyond - least > 1;) {
    const int middle = (least + beyond) / 2;
    (half_reach(middle) ? least : beyond) = middle;
  }
  return least;
}

bool any_known(const float* rate, std::size_t cells) {
  return std::any_of(rate, rate + cells, [](float value) { return value > 0.0F; });
}

// Of `pool` x `pool` cells as many as say something: the median of their velocities, coordinate by coordinate, and of
// their rates. One block of a large picture is a small part of what moves, and where the picture is flat its vector says
// what was cheapest to code.
void take_medians(const Grid& fine, View from, int pool, const Grid& coarse, Side to) {
  std::vector<float> x;
  std::vector<float> y;
  std::vector<float> rate;
  const auto median = [](std::vector<float>& values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
  };
  std::size_t cell = 0;
  for (int row = 0; row < coarse.rows; ++row) {
    for (int column = 0; column < coarse.columns; ++column, ++cell) {
      x.clear();
      y.clear();
      rate.clear();
      for (int r = row * pool; r < std::min((row + 1) * pool, fine.rows); ++r) {
        for (int c = column * pool; c < std::min((column + 1) * pool, fine.columns); ++c) {
          const auto at = static_cast<std::size_t>(r * fine.columns + c);
          if (from.rate[at] > 0.0F) {
            x.push_back(from.x[at]);
            y.push_back(from.y[at]);
            rate.push_back(from.rate[at]);
          }
        }
      }
      if (!x.empty()) {
        to.x[cell] = median(x);
        to.y[cell] = median(y);
        to.rate[cell] = median(rate);
      }
    }
  }
}

Side side_of(Field& field, std::int32_t* filled, std::size_t begin) {
  return {field.x.data() + begin, field.y.data() + begin, field.rate.data() + begin, filled};
}

// Makes one link after another from the estimates of all frames.
class Linker {
 public:
  explicit Linker(const Estimates& estimates)
      : grid_(estimates.grid),
        estimates_(estimates),
        num_frames_(static_cast<int>(estimates.reach.size())),
        centres_(estimates.grid) {}

  // The link between frame `first` and the next. Returns whether it is broken.
  bool join(int first, Side forward, Side backward) const {
    std::size_t forward_unknown =
        fill_known(grid_, centres_, future(first), past(first), past(first + 1), 1.0F, forward);
    std::size_t backward_unknown =
        fill_known(grid_, centres_, past(first + 1), future(first + 1), future(first), -1.0F, backward);
    if (const int away = anchor(first); away > 0) {
      const View field = past(first + 1 + away);
      const float rate = 1.001F / static_cast<float>(away + 1);
      forward_unknown -= take_further(grid_, centres_, field, static_cast<float>(away + 1), rate, true, forward);
      backward_unknown -= take_further(grid_, centres_, field, static_cast<float>(away), rate, true, backward);
    }
    for (int away = 1; away <= kFurthestCover && 2 * (forward_unknown + backward_unknown) > grid_.size(); ++away) {
      const float rate = 1.001F / static_cast<float>(away + 1);
      if (const int later = first + 1 + away; later < num_frames_ && estimates_.has_past[index(later)] != 0) {
        forward_unknown -= take_further(grid_, centres_, past(later), static_cast<float>(away + 1), rate, false, forward);
        backward_unknown -= take_further(grid_, centres_, past(later), static_cast<float>(away), rate, false, backward);
      }
      if (const int earlier = first - away; earlier >= 0 && estimates_.has_future[index(earlier)] != 0) {
        forward_unknown -= take_further(grid_, centres_, future(earlier), static_cast<float>(-away), rate, false, forward);
        backward_unknown -= take_further(grid_, centres_, future(earlier), static_cast<float>(-away - 1), rate, false, backward);
      }
    }
    const auto all = static_cast<float>(2 * grid_.size());
    if (all - static_cast<float>(forward_unknown + backward_unknown) < kLeastKnown * all) {
      return true;
    }
    if (forward_unknown > 0) {
      fill_holes(grid_, forward);
    }
    if (backward_unknown > 0) {
      fill_holes(grid_, backward);
    }
    return false;
  }

 private:
  static std::size_t index(int frame) { return static_cast<std::size_t>(frame); }
  [[nodiscard]] View past(int frame) const { return view_of(estimates_.past, index(frame) * grid_.size()); }
  [[nodiscard]] View future(int frame) const { return view_of(estimates_.future, index(frame) * grid_.size()); }

  // How many frames after the second the furthest reaching picture across this link is; 0 when there is none.
  [[nodiscard]] int anchor(int first) const {
    int best = 0;
    int furthest = 0;
    for (int away = 1; away < kFurthestCover && first + 1 + away < num_frames_; ++away) {
      const int reach = estimates_.reach[index(first + 1 + away)];
      if (reach > away && reach > furthest) {
        best = away;
        furthest = reach;
      }
    }
    return best;
  }

  const Grid& grid_;
  const Estimates& estimates_;
  int num_frames_;
  Centres centres_;
};

}  // namespace

void estimate(const BlockMotion& motion, int pool, Estimates& out) {
  const Grid& fine = motion.grid;
  const std::size_t fine_cells = fine.size();
  const auto frames = static_cast<std::size_t>(motion.num_frames);
  out.grid = {(fine.rows + pool - 1) / pool, (fine.columns + pool - 1) / pool,
              fine.block * static_cast<float>(pool)};
  const std::size_t cells = out.grid.size();
  out.past.clear(cells * frames);
  out.future.clear(cells * frames);
  out.has_past.resize(frames);
  out.has_future.resize(frames);
  out.reach.resize(frames);
  Field fine_past;
  Field fine_future;
  for (std::size_t frame = 0; frame < frames; ++frame) {
    const std::size_t begin = frame * cells;
    Side past = side_of(out.past, nullptr, begin);
    Side future = side_of(out.future, nullptr, begin);
    if (pool > 1) {
      fine_past.clear(fine_cells);
      fine_future.clear(fine_cells);
      past = side_of(fine_past, nullptr, 0);
      future = side_of(fine_future, nullptr, 0);
    }
    for (std::size_t list = 0; list < 2; ++list) {
      const auto ref = motion.ref.subspan((frame * 2 + list) * fine_cells, fine_cells);
      if (std::any_of(ref.begin(), ref.end(), [](std::int8_t value) { return value != 0; })) {
        const auto mv = motion.mv.subspan((frame * 2 + list) * fine_cells * 2, fine_cells * 2);
        offer_list(mv.data(), ref.data(), fine_cells, past, future);
      }
    }
    if (pool > 1) {
      take_medians(fine, view_of(fine_past, 0), pool, out.grid, side_of(out.past, nullptr, begin));
      take_medians(fine, view_of(fine_future, 0), pool, out.grid, side_of(out.future, nullptr, begin));
    }
    out.has_past[frame] = any_known(out.past.rate.data() + begin, cells) ? 1 : 0;
    out.has_future[frame] = any_known(out.future.rate.data() + begin, cells) ? 1 : 0;
    out.reach[frame] = out.has_past[frame] != 0 ? reach_of(out.past.rate.data() + begin, cells) : 0;
  }
}

void link(const Estimates& estimates, int first, int last, Links& out) {
  const std::size_t cells = estimates.grid.size();
  const auto num_links = static_cast<std::size_t>(last - first);
  out.grid = estimates.grid;
  out.first = first;
  out.forward.resize(cells * num_links);
  out.backward.resize(cells * num_links);
  out.forward_filled.resize(cells * num_links);
  out.backward_filled.resize(cells * num_links);
  out.broken.resize(num_links);
  const Linker linker(estimates);
  for (std::size_t i = 0; i < num_links; ++i) {
    const std::size_t begin = i * cells;
    const Side forward = side_of(out.forward, out.forward_filled.data() + begin, begin);
    const Side backward = side_of(out.backward, out.backward_filled.data() + begin, begin);
    out.broken[i] = linker.join(first + static_cast<int>(i), forward, backward) ? 1 : 0;
  }
}

}  // namespace videotx
