#include "flow.h"

#include <algorithm>

#include "draft.h"
#include "holes.h"
#include "pool.h"
#include "velocity.h"

namespace videotx {
namespace {

// A link with fewer known cells than this share is taken for a cut.
constexpr float kLeastKnown = 0.2F;

// References further away than this are not looked for when a picture's own motion is unknown.
constexpr int kFurthestCover = 16;

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
        centres_(estimates.grid),
        forward_(estimates.grid),
        backward_(estimates.grid),
        holes_(estimates.grid) {}

  // The link between frame `first` and the next, which is number `link` of `out`.
  void join(int first, std::size_t link, Links& out) {
    std::size_t forward_unknown =
        fill_known(grid_, centres_, future(first), past(first), past_or_null(first + 1), 1.0F, forward_);
    std::size_t backward_unknown =
        fill_known(grid_, centres_, past(first + 1), future(first + 1), future_or_null(first), -1.0F, backward_);
    if (const int away = anchor(first); away > 0) {
      const Cell* const field = past(first + 1 + away);
      const float rate = 1.001F / static_cast<float>(away + 1);
      forward_unknown -= take_further(grid_, centres_, field, static_cast<float>(away + 1), rate, true, forward_);
      backward_unknown -= take_further(grid_, centres_, field, static_cast<float>(away), rate, true, backward_);
    }
    for (int away = 1; away <= kFurthestCover && 2 * (forward_unknown + backward_unknown) > grid_.size(); ++away) {
      const float rate = 1.001F / static_cast<float>(away + 1);
      const int second = first + 1 + away, before = first - away;
      if (const Cell* const field = second < num_frames_ ? past_or_null(second) : nullptr; field != nullptr) {
        forward_unknown -= take_further(grid_, centres_, field, static_cast<float>(away + 1), rate, false, forward_);
        backward_unknown -= take_further(grid_, centres_, field, static_cast<float>(away), rate, false, backward_);
      }
      if (const Cell* const field = before >= 0 ? future_or_null(before) : nullptr; field != nullptr) {
        forward_unknown -= take_further(grid_, centres_, field, static_cast<float>(-away), rate, false, forward_);
        backward_unknown -= take_further(grid_, centres_, field, static_cast<float>(-away - 1), rate, false, backward_);
      }
    }
    const auto all = static_cast<float>(2 * grid_.size());
    const bool broken = all - static_cast<float>(forward_unknown + backward_unknown) < kLeastKnown * all;
    out.broken[link] = broken ? 1 : 0;
    if (!broken) {
      close(forward_, forward_unknown, link, out.forward);
      close(backward_, backward_unknown, link, out.backward);
    }
  }

 private:
  // A draft becomes a picture of the flow, its holes filled.
  void close(Draft& draft, std::size_t num_unknown, std::size_t link, Flow& out) {
    if (num_unknown > 0) {
      holes_.fill(draft);
    }
    out.has_filled[link] = num_unknown > 0 ? 1 : 0;
    finish(grid_, draft, out.velocity.data() + link * grid_.stride(), out.filled.data() + link * grid_.stride());
  }

  static std::size_t index(int frame) { return static_cast<std::size_t>(frame); }
  [[nodiscard]] const Cell* past(int frame) const { return estimates_.past.of(index(frame)); }
  [[nodiscard]] const Cell* future(int frame) const { return estimates_.future.of(index(frame)); }
  [[nodiscard]] const Cell* past_or_null(int frame) const {
    return estimates_.past.speaks[index(frame)] != 0 ? past(frame) : nullptr;
  }
  [[nodiscard]] const Cell* future_or_null(int frame) const {
    return estimates_.future.speaks[index(frame)] != 0 ? future(frame) : nullptr;
  }

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
  Draft forward_;
  Draft backward_;
  HoleFiller holes_;
};

void make_room(Side& side, std::size_t frames, std::size_t stride) {
  side.cells.resize(stride * frames);
  side.speaks.resize(frames);
  side.nothing.assign(stride, Cell{});
}

void make_room(Flow& flow, std::size_t links, std::size_t stride) {
  flow.velocity.resize(stride * links + 1);
  flow.filled.resize(stride * links);
  flow.has_filled.resize(links);
}

}  // namespace

void estimate(const BlockMotion& motion, int pool, Estimates& out) {
  const Grid& fine = motion.grid;
  const auto frames = static_cast<std::size_t>(motion.num_frames);
  out.grid = {(fine.rows + pool - 1) / pool, (fine.columns + pool - 1) / pool,
              fine.block * static_cast<float>(pool)};
  const std::size_t cells = out.grid.size(), stride = out.grid.stride();
  make_room(out.past, frames, stride);
  make_room(out.future, frames, stride);
  out.reach.resize(frames);
  Field fine_past(pool > 1 ? fine.stride() + 1 : 0);
  Field fine_future(fine_past.size());
  std::vector<float> rates(cells);
  for (std::size_t frame = 0; frame < frames; ++frame) {
    const std::int16_t* const mv = motion.mv.data() + frame * 4 * fine.size();
    const std::int8_t* const ref = motion.ref.data() + frame * 2 * fine.size();
    const Directions directions = directions_of(ref, 2 * fine.size());
    Cell* const past = directions.back ? out.past.cells.data() + frame * stride : nullptr;
    Cell* const future = directions.forth ? out.future.cells.data() + frame * stride : nullptr;
    out.past.speaks[frame] = directions.back ? 1 : 0;
    out.future.speaks[frame] = directions.forth ? 1 : 0;
    if (pool > 1) {
      offer_lists(mv, ref, fine.size(), directions.back ? fine_past.data() : nullptr,
                  directions.forth ? fine_future.data() : nullptr);
      if (past != nullptr) {
        take_medians(fine, fine_past, pool, out.grid, past);
      }
      if (future != nullptr) {
        take_medians(fine, fine_future, pool, out.grid, future);
      }
    } else {
      offer_lists(mv, ref, cells, past, future);
    }
    out.reach[frame] = 0;
    if (past != nullptr) {
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
  make_room(out.forward, num_links, stride);
  make_room(out.backward, num_links, stride);
  out.broken.resize(num_links);
  Linker linker(estimates);
  for (std::size_t i = 0; i < num_links; ++i) {
    linker.join(first + static_cast<int>(i), i, out);
  }
}

}  // namespace videotx
