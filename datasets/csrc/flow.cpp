#include "flow.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace videotx {
namespace {

// A link with fewer known cells than this share is taken for a cut.
constexpr float kLeastKnown = 0.2F;

// References further away than this are not looked for when a picture's own motion is unknown.
constexpr int kFurthestCover = 16;

// Two estimates of one block's velocity that differ by more (px per frame) are of different things.
constexpr float kContradiction = 1.5F;

using Field = std::span<const Estimate>;

Field frame_of(const std::vector<Estimate>& all, std::size_t cells, int frame) {
  return Field(all).subspan(static_cast<std::size_t>(frame) * cells, cells);
}

void offer(Estimate& kept, const Estimate& candidate) {
  if (candidate.rate > kept.rate) {
    kept = candidate;
  } else if (candidate.rate == kept.rate) {
    kept.velocity.x = 0.5F * (kept.velocity.x + candidate.velocity.x);
    kept.velocity.y = 0.5F * (kept.velocity.y + candidate.velocity.y);
  }
}

// What another picture's field, `frames_away` later (or, negative, earlier), says about the block at (x, y): the
// velocity v with v = field(position + frames_away * v), searched from a guess.
Estimate pull(const Grid& grid, Field field, float x, float y, float frames_away, Velocity guess) {
  Estimate found;
  for (int pass = 0; pass < 2; ++pass) {
    found = field[cell_at(grid, x + frames_away * guess.x, y + frames_away * guess.y)];
    if (found.rate == 0.0F) {
      return found;
    }
    guess = found.velocity;
  }
  return found;
}

struct Side {
  std::span<Velocity> velocity;
  std::span<std::uint8_t> filled;
  std::span<float> rate;  // of the estimate that the velocity came from
};

// One half of a link. `own` are the estimates of the frame whose grid this is, on the side of the link; `behind` those
// on its other side, which only serve as a guess; `opposite` those of the frame at the other end of the link.
std::size_t fill_known(const Grid& grid, Field own, Field behind, Field opposite, bool opposite_known,
                       float frames_away, Side side) {
  std::size_t unknown = 0;
  std::size_t cell = 0;
  for (int row = 0; row < grid.rows; ++row) {
    for (int column = 0; column < grid.columns; ++column, ++cell) {
      Estimate best = own[cell];
      if (best.rate < 1.0F && opposite_known) {
        const float x = (static_cast<float>(column) + 0.5F) * grid.block;
        const float y = (static_cast<float>(row) + 0.5F) * grid.block;
        const Velocity guess = best.rate > 0.0F ? best.velocity : behind[cell].velocity;
        const Estimate pulled = pull(grid, opposite, x, y, frames_away, guess);
        if (pulled.rate > best.rate) {
          best = pulled;
        }
      }
      side.velocity[cell] = best.velocity;
      side.rate[cell] = best.rate;
      side.filled[cell] = best.rate == 0.0F ? 1 : 0;
      unknown += side.filled[cell];
    }
  }
  return unknown;
}

// Cells still unknown take the vectors of a further picture whose reference lies beyond the link, so that the link is
// inside the time they span.
std::size_t cover(const Grid& grid, Field field, float frames_away, float highest_rate, Side side) {
  std::size_t covered = 0;
  std::size_t cell = 0;
  for (int row = 0; row < grid.rows; ++row) {
    for (int column = 0; column < grid.columns; ++column, ++cell) {
      if (side.filled[cell] == 0) {
        continue;
      }
      const float x = (static_cast<float>(column) + 0.5F) * grid.block;
      const float y = (static_cast<float>(row) + 0.5F) * grid.block;
      const Estimate found = pull(grid, field, x, y, frames_away, field[cell].velocity);
      if (found.rate > 0.0F && found.rate <= highest_rate) {
        side.velocity[cell] = found.velocity;
        side.filled[cell] = 0;
        ++covered;
      }
    }
  }
  return covered;
}

// The distance that at least half of a picture's blocks refer back to or beyond.
int reach_of(Field past) {
  std::array<std::size_t, kFurthestCover + 1> count{};
  for (const Estimate& e : past) {
    if (e.rate > 0.0F) {
      const int distance = static_cast<int>(1.0F / e.rate + 0.5F);
      ++count[static_cast<std::size_t>(std::min(distance, kFurthestCover))];
    }
  }
  std::size_t beyond = 0;
  for (int distance = kFurthestCover; distance > 0; --distance) {
    beyond += count[static_cast<std::size_t>(distance)];
    if (2 * beyond >= past.size()) {
      return distance;
    }
  }
  return 0;
}

// A picture that refers far back knows the mean velocity over that time better than the pictures between, whose short
// vectors are rounded each, and which get away with none where two references average to the right picture (direct and
// skipped blocks of slow zooms). Estimates are weighted as if rounding were all their error, unless they contradict.
std::size_t steady(const Grid& grid, Field anchor, float frames_away, float highest_rate, Side side) {
  std::size_t covered = 0;
  std::size_t cell = 0;
  for (int row = 0; row < grid.rows; ++row) {
    for (int column = 0; column < grid.columns; ++column, ++cell) {
      const float x = (static_cast<float>(column) + 0.5F) * grid.block;
      const float y = (static_cast<float>(row) + 0.5F) * grid.block;
      const Velocity own = side.velocity[cell];
      const Velocity guess = side.filled[cell] == 0 ? own : anchor[cell].velocity;
      const Estimate found = pull(grid, anchor, x, y, frames_away, guess);
      if (found.rate <= 0.0F || found.rate > highest_rate) {
        continue;
      }
      if (side.filled[cell] != 0) {
        side.velocity[cell] = found.velocity;
        side.rate[cell] = found.rate;
        side.filled[cell] = 0;
        ++covered;
      } else if (found.rate < side.rate[cell] &&
                 std::fabs(found.velocity.x - own.x) + std::fabs(found.velocity.y - own.y) < kContradiction) {
        const float ratio = found.rate / side.rate[cell];
        const float share = 1.0F / (1.0F + ratio * ratio);
        side.velocity[cell] = {own.x + share * (found.velocity.x - own.x), own.y + share * (found.velocity.y - own.y)};
      }
    }
  }
  return covered;
}

// Holes grow shut from their rims: each pass gives the cells that touch known ones the mean of those.
void fill_holes(const Grid& grid, Side side) {
  struct Repair {
    std::size_t cell;
    Velocity velocity;
  };
  std::vector<std::uint8_t> open(side.filled.begin(), side.filled.end());
  std::vector<Repair> repairs;
  do {
    repairs.clear();
    for (int row = 0; row < grid.rows; ++row) {
      for (int column = 0; column < grid.columns; ++column) {
        const auto cell = static_cast<std::size_t>(row * grid.columns + column);
        if (open[cell] == 0) {
          continue;
        }
        Velocity sum;
        int known = 0;
        for (int r = std::max(row - 1, 0); r <= std::min(row + 1, grid.rows - 1); ++r) {
          for (int c = std::max(column - 1, 0); c <= std::min(column + 1, grid.columns - 1); ++c) {
            const auto neighbour = static_cast<std::size_t>(r * grid.columns + c);
            if (open[neighbour] == 0) {
              sum.x += side.velocity[neighbour].x;
              sum.y += side.velocity[neighbour].y;
              ++known;
            }
          }
        }
        if (known > 0) {
          const float share = 1.0F / static_cast<float>(known);
          repairs.push_back({cell, {sum.x * share, sum.y * share}});
        }
      }
    }
    for (const Repair& repair : repairs) {
      side.velocity[repair.cell] = repair.velocity;
      open[repair.cell] = 0;
    }
  } while (!repairs.empty());
}

bool any_known(Field field) {
  return std::any_of(field.begin(), field.end(), [](const Estimate& e) { return e.rate > 0.0F; });
}

}  // namespace

Estimates estimate(const BlockMotion& motion) {
  const std::size_t cells = motion.grid.size();
  std::array<float, 256> per_quarter{};  // quarter samples to pixels per frame, by ref
  std::array<float, 256> rate{};
  for (int ref = -127; ref <= 127; ++ref) {
    if (ref != 0) {
      per_quarter[static_cast<std::uint8_t>(ref)] = 0.25F / static_cast<float>(ref);
      rate[static_cast<std::uint8_t>(ref)] = 1.0F / static_cast<float>(ref < 0 ? -ref : ref);
    }
  }
  Estimates out;
  out.past.resize(cells * static_cast<std::size_t>(motion.num_frames));
  out.future.resize(out.past.size());
  for (std::size_t frame = 0; frame < static_cast<std::size_t>(motion.num_frames); ++frame) {
    for (std::size_t list = 0; list < 2; ++list) {
      const std::size_t start = (frame * 2 + list) * cells;
      const auto refs = motion.ref.subspan(start, cells);
      const auto mvs = motion.mv.subspan(start * 2, cells * 2);
      for (std::size_t cell = 0; cell < cells; ++cell) {
        const std::int8_t ref = refs[cell];
        if (ref == 0 || ref == kRefUnknown) {
          continue;
        }
        const auto index = static_cast<std::uint8_t>(ref);
        const float scale = per_quarter[index];
        const Estimate candidate{{static_cast<float>(mvs[2 * cell]) * scale, static_cast<float>(mvs[2 * cell + 1]) * scale},
                                 rate[index]};
        offer((ref < 0 ? out.past : out.future)[frame * cells + cell], candidate);
      }
    }
  }
  return out;
}

Links link(const BlockMotion& motion, const Estimates& estimates) {
  const Grid& grid = motion.grid;
  const std::size_t cells = grid.size();
  const int num_links = std::max(motion.num_frames - 1, 0);
  const std::size_t total = cells * static_cast<std::size_t>(num_links);
  Links out{grid, num_links, std::vector<Velocity>(total), std::vector<Velocity>(total),
            std::vector<std::uint8_t>(total), std::vector<std::uint8_t>(total),
            std::vector<std::uint8_t>(static_cast<std::size_t>(num_links))};
  std::vector<std::uint8_t> has_past(static_cast<std::size_t>(motion.num_frames));
  std::vector<std::uint8_t> has_future(has_past.size());
  std::vector<int> reach(has_past.size());
  std::vector<float> forward_rate(cells);
  std::vector<float> backward_rate(cells);
  for (int frame = 0; frame < motion.num_frames; ++frame) {
    has_past[static_cast<std::size_t>(frame)] = any_known(frame_of(estimates.past, cells, frame)) ? 1 : 0;
    reach[static_cast<std::size_t>(frame)] = reach_of(frame_of(estimates.past, cells, frame));
    has_future[static_cast<std::size_t>(frame)] = any_known(frame_of(estimates.future, cells, frame)) ? 1 : 0;
  }
  for (int first = 0; first < num_links; ++first) {
    const auto index = static_cast<std::size_t>(first);
    const Side forward{std::span(out.forward).subspan(index * cells, cells),
                       std::span(out.forward_filled).subspan(index * cells, cells), forward_rate};
    const Side backward{std::span(out.backward).subspan(index * cells, cells),
                        std::span(out.backward_filled).subspan(index * cells, cells), backward_rate};
    const Field past_next = frame_of(estimates.past, cells, first + 1);
    const Field future_first = frame_of(estimates.future, cells, first);
    std::size_t forward_unknown = fill_known(grid, future_first, frame_of(estimates.past, cells, first), past_next,
                                             has_past[index + 1] != 0, 1.0F, forward);
    std::size_t backward_unknown = fill_known(grid, past_next, frame_of(estimates.future, cells, first + 1),
                                              future_first, has_future[index] != 0, -1.0F, backward);
    int anchor = 0;  // frames after the second that the furthest reaching picture across this link is
    for (int away = 1; away < kFurthestCover && first + 1 + away < motion.num_frames; ++away) {
      const int found = reach[static_cast<std::size_t>(first + 1 + away)];
      if (found > away && (anchor == 0 || found > reach[static_cast<std::size_t>(first + 1 + anchor)])) {
        anchor = away;
      }
    }
    if (anchor > 0) {
      const Field field = frame_of(estimates.past, cells, first + 1 + anchor);
      const float rate = 1.001F / static_cast<float>(anchor + 1);
      forward_unknown -= steady(grid, field, static_cast<float>(anchor + 1), rate, forward);
      backward_unknown -= steady(grid, field, static_cast<float>(anchor), rate, backward);
    }
    for (int away = 1; away <= kFurthestCover && 2 * (forward_unknown + backward_unknown) > cells; ++away) {
      const float rate = 1.001F / static_cast<float>(away + 1);
      if (const int later = first + 1 + away; later < motion.num_frames && has_past[static_cast<std::size_t>(later)]) {
        const Field field = frame_of(estimates.past, cells, later);
        forward_unknown -= cover(grid, field, static_cast<float>(away + 1), rate, forward);
        backward_unknown -= cover(grid, field, static_cast<float>(away), rate, backward);
      }
      if (const int earlier = first - away; earlier >= 0 && has_future[static_cast<std::size_t>(earlier)]) {
        const Field field = frame_of(estimates.future, cells, earlier);
        forward_unknown -= cover(grid, field, static_cast<float>(-away), rate, forward);
        backward_unknown -= cover(grid, field, static_cast<float>(-away - 1), rate, backward);
      }
    }
    const auto known = static_cast<float>(2 * cells - forward_unknown - backward_unknown);
    out.broken[index] = known < kLeastKnown * 2.0F * static_cast<float>(cells) ? 1 : 0;
    if (out.broken[index] == 0) {
      if (forward_unknown > 0) {
        fill_holes(grid, forward);
      }
      if (backward_unknown > 0) {
        fill_holes(grid, backward);
      }
    }
  }
  return out;
}

}  // namespace videotx
