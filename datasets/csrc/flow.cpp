#include "flow.h"

#include <algorithm>
#include <cstring>

#include "pool.h"
#include "velocity.h"

namespace videotx {
namespace {

// A link with fewer known cells than this share is taken for a cut.
constexpr float kLeastKnown = 0.2F;

// References further away than this are not looked for when a picture's own motion is unknown.
constexpr int kFurthestCover = 16;

// Holes grow shut from their rims: each pass gives the cells that touch known ones the mean of those.
void fill_holes(const Grid& grid, Cell* cells) {
  struct Hole {
    std::size_t cell;
    std::size_t place;  // in `known`
    float x;
    float y;
    bool closed;
  };
  // Around the picture is a rim of cells that are not known.
  const auto columns = static_cast<std::size_t>(grid.columns), rows = static_cast<std::size_t>(grid.rows);
  const std::size_t line = columns + 2;
  std::vector<std::uint8_t> known(line * (rows + 2));
  std::vector<Hole> holes;
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t first = (row + 1) * line + 1;
    std::uint8_t* const own = known.data() + first;
    std::transform(cells + row * columns, cells + (row + 1) * columns, own,
                   [](const Cell& cell) { return static_cast<std::uint8_t>(cell.filled == 0.0F); });
    for (std::size_t column = 0; column < columns; ++column) {
      const void* const hole = std::memchr(own + column, 0, columns - column);
      if (hole == nullptr) {
        break;
      }
      column = static_cast<std::size_t>(static_cast<const std::uint8_t*>(hole) - own);
      holes.push_back({row * columns + column, first + column, 0.0F, 0.0F, false});
    }
  }
  for (bool progress = true; progress;) {
    progress = false;
    for (Hole& hole : holes) {
      hole.x = hole.y = 0.0F;
      int count = 0;
      for (std::size_t row = 0; row < 3; ++row) {
        const std::uint8_t* const around = known.data() + hole.place + row * line - line - 1;
        const std::size_t first = hole.cell + row * columns - columns - 1;  // used where it is a cell
        for (std::size_t column = 0; column < 3; ++column) {
          if (around[column] != 0) {
            hole.x += cells[first + column].x;
            hole.y += cells[first + column].y;
            ++count;
          }
        }
      }
      hole.closed = count > 0;
      const float share = 1.0F / static_cast<float>(std::max(count, 1));
      hole.x *= share;
      hole.y *= share;
    }
    for (const Hole& hole : holes) {
      if (hole.closed) {
        cells[hole.cell].x = hole.x;
        cells[hole.cell].y = hole.y;
        known[hole.place] = 1;
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

// Makes one link after another from the estimates of all frames.
class Linker {
 public:
  explicit Linker(const Estimates& estimates)
      : grid_(estimates.grid),
        estimates_(estimates),
        num_frames_(static_cast<int>(estimates.reach.size())),
        centres_(estimates.grid) {}

  // The link between frame `first` and the next. Returns whether it is broken.
  bool join(int first, Cell* forward, Cell* backward) const {
    const Cell* const later = estimates_.has_past[index(first + 1)] != 0 ? past(first + 1) : nullptr;
    const Cell* const earlier = estimates_.has_future[index(first)] != 0 ? future(first) : nullptr;
    std::size_t forward_unknown = fill_known(grid_, centres_, future(first), past(first), later, 1.0F, forward);
    std::size_t backward_unknown =
        fill_known(grid_, centres_, past(first + 1), future(first + 1), earlier, -1.0F, backward);
    if (const int away = anchor(first); away > 0) {
      const Cell* const field = past(first + 1 + away);
      const float rate = 1.001F / static_cast<float>(away + 1);
      forward_unknown -= take_further(grid_, centres_, field, static_cast<float>(away + 1), rate, true, forward);
      backward_unknown -= take_further(grid_, centres_, field, static_cast<float>(away), rate, true, backward);
    }
    for (int away = 1; away <= kFurthestCover && 2 * (forward_unknown + backward_unknown) > grid_.size(); ++away) {
      const float rate = 1.001F / static_cast<float>(away + 1);
      if (const int second = first + 1 + away; second < num_frames_ && estimates_.has_past[index(second)] != 0) {
        forward_unknown -= take_further(grid_, centres_, past(second), static_cast<float>(away + 1), rate, false, forward);
        backward_unknown -= take_further(grid_, centres_, past(second), static_cast<float>(away), rate, false, backward);
      }
      if (const int before = first - away; before >= 0 && estimates_.has_future[index(before)] != 0) {
        forward_unknown -= take_further(grid_, centres_, future(before), static_cast<float>(-away), rate, false, forward);
        backward_unknown -= take_further(grid_, centres_, future(before), static_cast<float>(-away - 1), rate, false, backward);
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
  [[nodiscard]] const Cell* past(int frame) const { return estimates_.past.data() + index(frame) * grid_.stride(); }
  [[nodiscard]] const Cell* future(int frame) const { return estimates_.future.data() + index(frame) * grid_.stride(); }

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
  const auto frames = static_cast<std::size_t>(motion.num_frames);
  out.grid = {(fine.rows + pool - 1) / pool, (fine.columns + pool - 1) / pool,
              fine.block * static_cast<float>(pool)};
  const std::size_t cells = out.grid.size(), stride = out.grid.stride();
  out.past.resize(stride * frames);
  out.future.resize(stride * frames);
  out.has_past.resize(frames);
  out.has_future.resize(frames);
  out.reach.resize(frames);
  Field fine_past(pool > 1 ? fine.stride() + 1 : 0);
  Field fine_future(fine_past.size());
  std::vector<float> rates(cells);
  const auto any_known = [&](const Cell* from) {
    return std::any_of(from, from + cells, [](const Cell& cell) { return cell.rate > 0.0F; });
  };
  for (std::size_t frame = 0; frame < frames; ++frame) {
    Cell* const past = out.past.data() + frame * stride;
    Cell* const future = out.future.data() + frame * stride;
    const std::int16_t* const mv = motion.mv.data() + frame * 4 * fine.size();
    const std::int8_t* const ref = motion.ref.data() + frame * 2 * fine.size();
    if (pool > 1) {
      offer_lists(mv, ref, fine.size(), fine_past.data(), fine_future.data());
      take_medians(fine, fine_past, pool, out.grid, past);
      take_medians(fine, fine_future, pool, out.grid, future);
    } else {
      offer_lists(mv, ref, cells, past, future);
    }
    out.has_past[frame] = any_known(past) ? 1 : 0;
    out.has_future[frame] = any_known(future) ? 1 : 0;
    out.reach[frame] = 0;
    if (out.has_past[frame] != 0) {
      std::transform(past, past + cells, rates.begin(), [](const Cell& cell) { return cell.rate; });
      out.reach[frame] = reach_of(rates.data(), cells);
    }
  }
}

void link(const Estimates& estimates, int first, int last, Links& out) {
  const std::size_t stride = estimates.grid.stride();
  const auto num_links = static_cast<std::size_t>(last - first);
  out.grid = estimates.grid;
  out.first = first;
  out.forward.resize(stride * num_links + 1);
  out.backward.resize(stride * num_links + 1);
  out.broken.resize(num_links);
  const Linker linker(estimates);
  for (std::size_t i = 0; i < num_links; ++i) {
    Cell* const forward = out.forward.data() + i * stride;
    Cell* const backward = out.backward.data() + i * stride;
    out.broken[i] = linker.join(first + static_cast<int>(i), forward, backward) ? 1 : 0;
  }
}

}  // namespace videotx
