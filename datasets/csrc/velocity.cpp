#include "velocity.h"

#include <algorithm>

#include "clones.h"
#include "lanes.h"

namespace videotx {
namespace {

static_assert(sizeof(Cell) == sizeof(Four));

// Two estimates of one block's velocity that differ by more (px per frame) are of different things.
constexpr float kContradiction = 1.5F;

constexpr IntLanes kSteps = {0, 1, 2, 3, 4, 5, 6, 7};

// Cells as lanes.
struct Velocities {
  Lanes x, y, rate;
};

VIDEOTX_INLINE Velocities named(const FourLanes& four) { return {four.first, four.second, four.third}; }

VIDEOTX_INLINE Velocities load_cells(const Cell* from) {
  constexpr std::array<std::uint32_t, kLanes> kOffsets = {0, 4, 8, 12, 16, 20, 24, 28};
  return named(load_fours(&from->x, kOffsets));
}

VIDEOTX_INLINE Velocities gather_cells(const Cell* from, IntLanes cells) {
  return named(load_fours(&from->x, Indices(4 * cells)));
}

VIDEOTX_INLINE Velocities load_draft(const Draft& draft, std::size_t cell) {
  return {load_lanes<Lanes>(&draft.x[cell]), load_lanes<Lanes>(&draft.y[cell]), load_lanes<Lanes>(&draft.rate[cell])};
}

VIDEOTX_INLINE void store_draft(const Velocities& value, std::size_t cell, Draft& draft) {
  store_lanes(&draft.x[cell], value.x);
  store_lanes(&draft.y[cell], value.y);
  store_lanes(&draft.rate[cell], value.rate);
}

// 1 in the lanes before `count` whose mask is set.
VIDEOTX_INLINE IntLanes ones_before(std::size_t count, std::size_t cell, IntLanes mask) {
  return mask & (kSteps < static_cast<std::int32_t>(count - cell)) & 1;
}

VIDEOTX_INLINE std::size_t sum_of(IntLanes counts) {
  std::int32_t sum = 0;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    sum += counts[lane];
  }
  return static_cast<std::size_t>(sum);
}

// What the search for a block in another picture needs to know of the grid.
struct Places {
  float per_block;
  std::int32_t rows;
  std::int32_t columns;

  explicit Places(const Grid& grid) : per_block(1.0F / grid.block), rows(grid.rows), columns(grid.columns) {}

  // Index of the cell that holds a position, clamped to the grid.
  [[nodiscard]] VIDEOTX_INLINE IntLanes cell(Lanes x, Lanes y) const {
    return within(whole_of(y * per_block), rows - 1) * columns + within(whole_of(x * per_block), columns - 1);
  }
};

// What another picture, `away` frames later (or, negative, earlier), says about the block at (x, y): the velocity v with
// v = field(position + away * v), searched from a guess. It may know nothing.
VIDEOTX_INLINE Velocities pull(const Places& places, const Cell* field, std::size_t cell, const Centres& centres,
                               float away, Lanes guess_x, Lanes guess_y) {
  const auto x = load_lanes<Lanes>(&centres.x[cell]), y = load_lanes<Lanes>(&centres.y[cell]);
  const IntLanes place = places.cell(x + away * guess_x, y + away * guess_y);
  // Most things do not leave their cells.
  const bool stays = !any_of(place ^ (kSteps + static_cast<std::int32_t>(cell)));
  const Velocities first = stays ? load_cells(field + cell) : gather_cells(field, place);
  const IntLanes unknown = first.rate == 0.0F;  // its velocity is 0 then
  const Lanes next_x = first.x + masked(unknown, guess_x);
  const Lanes next_y = first.y + masked(unknown, guess_y);
  const IntLanes next_place = places.cell(x + away * next_x, y + away * next_y);
  return any_of(next_place ^ place) ? gather_cells(field, next_place) : first;
}

// Take an offer over what is there where it is better known, the mean of both where it is known as well.
VIDEOTX_INLINE void take(Velocities& kept, Lanes x, Lanes y, Lanes rate) {
  const IntLanes offered = rate > 0.0F;
  const Lanes share = masked(offered & (rate > kept.rate), Lanes{} + 1.0F) +
                      masked(offered & (rate == kept.rate), Lanes{} + 0.5F);
  kept.x += share * (x - kept.x);
  kept.y += share * (y - kept.y);
  kept.rate = rate > kept.rate ? rate : kept.rate;
}

// Which sides of a picture its references lead to.
enum class Sides { kPast, kFuture, kBoth };

template <Sides kSides>
VIDEOTX_INLINE void offer(const std::int16_t* mv, const std::int8_t* ref, Velocities& past, Velocities& future) {
  const auto first = load_lanes<ShortLanes>(mv), second = load_lanes<ShortLanes>(mv + kLanes);
  const ShortLanes xs = __builtin_shufflevector(first, second, 0, 2, 4, 6, 8, 10, 12, 14);
  const ShortLanes ys = __builtin_shufflevector(first, second, 1, 3, 5, 7, 9, 11, 13, 15);
  const IntLanes distance = __builtin_convertvector(load_lanes<ByteLanes>(ref), IntLanes);
  const IntLanes known = (distance != 0) & (distance != kRefUnknown);
  const Lanes inverse = masked(known, 1.0F / float_of(distance));
  const Lanes x = __builtin_convertvector(xs, Lanes) * 0.25F * inverse;
  const Lanes y = __builtin_convertvector(ys, Lanes) * 0.25F * inverse;
  if constexpr (kSides != Sides::kFuture) {
    take(past, x, y, masked(distance < 0, -inverse));
  }
  if constexpr (kSides != Sides::kPast) {
    take(future, x, y, masked(distance > 0, inverse));
  }
}

VIDEOTX_INLINE void store_cells(const Velocities& value, Cell* to) {
  store_fours(&to->x, {value.x, value.y, value.rate, Lanes{}});
}

template <Sides kSides>
VIDEOTX_INLINE void offer_all(const std::int16_t* mv, const std::int8_t* ref, std::size_t cells, Cell* past,
                              Cell* future) {
  for (std::size_t cell = 0; cell < cells; cell += kLanes) {
    Velocities to_past = {}, to_future = {};
    for (std::size_t list = 0; list < 2; ++list) {
      const std::size_t at = list * cells + cell;
      if (cell + kLanes <= cells) {
        if (load_lanes<std::uint64_t>(ref + at) == 0) {
          continue;  // as many blocks without a vector
        }
        offer<kSides>(mv + 2 * at, ref + at, to_past, to_future);
        continue;
      }
      std::array<std::int16_t, 2 * kLanes> last_mv{};
      std::array<std::int8_t, kLanes> last_ref{};
      std::copy_n(mv + 2 * at, 2 * (cells - cell), last_mv.begin());
      std::copy_n(ref + at, cells - cell, last_ref.begin());
      offer<kSides>(last_mv.data(), last_ref.data(), to_past, to_future);
    }
    if constexpr (kSides != Sides::kFuture) {
      store_cells(to_past, past + cell);
    }
    if constexpr (kSides != Sides::kPast) {
      store_cells(to_future, future + cell);
    }
  }
}

}  // namespace

Centres::Centres(const Grid& grid) : x(grid.stride()), y(grid.stride()) {
  const auto columns = static_cast<std::size_t>(grid.columns);
  for (std::size_t cell = 0; cell < grid.size(); ++cell) {
    x[cell] = (static_cast<float>(cell % columns) + 0.5F) * grid.block;
    y[cell] = (static_cast<float>(cell / columns) + 0.5F) * grid.block;
  }
}

VIDEOTX_CLONES Directions directions_of(const std::int8_t* ref, std::size_t count) {
  std::uint8_t back = 0, forth = 0;
  for (std::size_t i = 0; i < count; ++i) {
    back |= static_cast<std::uint8_t>((ref[i] < 0) & (ref[i] != kRefUnknown));
    forth |= static_cast<std::uint8_t>(ref[i] > 0);
  }
  return {back != 0, forth != 0};
}

VIDEOTX_CLONES void offer_lists(const std::int16_t* mv, const std::int8_t* ref, std::size_t cells, Cell* past,
                                Cell* future) {
  if (past != nullptr && future != nullptr) {
    offer_all<Sides::kBoth>(mv, ref, cells, past, future);
  } else if (past != nullptr) {
    offer_all<Sides::kPast>(mv, ref, cells, past, future);
  } else if (future != nullptr) {
    offer_all<Sides::kFuture>(mv, ref, cells, past, future);
  }
}

VIDEOTX_CLONES std::size_t count_slower(const float* rate, std::size_t cells, float most) {
  const auto count = static_cast<std::int32_t>(cells);
  std::int32_t found = 0;
  for (std::int32_t cell = 0; cell < count; ++cell) {
    found += static_cast<std::int32_t>(rate[cell] > 0.0F) & static_cast<std::int32_t>(rate[cell] < most);
  }
  return static_cast<std::size_t>(found);
}

VIDEOTX_CLONES std::size_t fill_known(const Grid& grid, const Centres& centres, const Cell* own_cells,
                                      const Cell* behind_cells, const Cell* opposite, float frames_away, Draft& out) {
  const Places places(grid);
  const std::size_t count = grid.size();
  IntLanes unknown = {};
  for (std::size_t cell = 0; cell < count; cell += kLanes) {
    const Velocities own = load_cells(own_cells + cell);
    Velocities best = own;
    if (opposite != nullptr && any_of(own.rate < 1.0F)) {
      const Velocities behind = load_cells(behind_cells + cell);
      const IntLanes lost = own.rate == 0.0F;  // its velocity is 0 then
      const Velocities found =
          pull(places, opposite, cell, centres, frames_away, own.x + masked(lost, behind.x),
               own.y + masked(lost, behind.y));
      const IntLanes better = (own.rate < 1.0F) & (found.rate > own.rate);
      best.x = better ? found.x : own.x;
      best.y = better ? found.y : own.y;
      best.rate = better ? found.rate : own.rate;
    }
    store_draft(best, cell, out);
    unknown += ones_before(count, cell, best.rate == 0.0F);
  }
  return sum_of(unknown);
}

VIDEOTX_CLONES std::size_t take_further(const Grid& grid, const Centres& centres, const Cell* further_cells,
                                        float frames_away, float highest_rate, bool steady, Draft& out) {
  const Places places(grid);
  const std::size_t count = grid.size();
  const float least_apart = steady ? kContradiction : 0.0F;
  IntLanes covered = {};
  for (std::size_t cell = 0; cell < count; cell += kLanes) {
    const Velocities own = load_draft(out, cell);
    const IntLanes unknown = own.rate == 0.0F;  // its velocity is 0 then
    if (!steady && !any_of(unknown)) {
      continue;
    }
    const Velocities further = load_cells(further_cells + cell);
    const Velocities found = pull(places, further_cells, cell, centres, frames_away,
                                  own.x + masked(unknown, further.x), own.y + masked(unknown, further.y));
    const Lanes away_x = found.x - own.x, away_y = found.y - own.y;
    // Either weighs with the square of its distance in frames: share = 1 / (1 + (found_rate / rate)^2).
    const Lanes square = own.rate * own.rate;
    const Lanes mixed = square / (square + found.rate * found.rate + 1e-20F);
    const IntLanes agreed = (magnitude_of(away_x) + magnitude_of(away_y) < least_apart) & (found.rate < own.rate);
    const IntLanes usable = (found.rate > 0.0F) & (found.rate <= highest_rate);
    const IntLanes taken = usable & unknown;
    const Lanes used = masked(taken, Lanes{} + 1.0F) + masked(usable & ~unknown & agreed, mixed);
    store_draft({own.x + used * away_x, own.y + used * away_y, own.rate + masked(taken, found.rate)}, cell, out);
    covered += ones_before(count, cell, taken);
  }
  return sum_of(covered);
}

VIDEOTX_CLONES void finish(const Grid& grid, const Draft& draft, Velocity* velocity, std::uint8_t* filled) {
  const float* const x = draft.x.data();
  const float* const y = draft.y.data();
  const float* const rate = draft.rate.data();
  const std::size_t count = grid.stride();
  for (std::size_t cell = 0; cell < count; ++cell) {
    velocity[cell] = {x[cell], y[cell]};
  }
  for (std::size_t cell = 0; cell < count; ++cell) {
    filled[cell] = static_cast<std::uint8_t>(rate[cell] == 0.0F);
  }
}

}  // namespace videotx
