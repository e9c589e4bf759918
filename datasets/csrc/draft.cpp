#include "draft.h"

#include <algorithm>
#include <array>

#include "cells.h"
#include "clones.h"
#include "lanes.h"

namespace videotx {
namespace {

// Two estimates of one block's velocity that differ by more (px per frame) are of different things.
constexpr float kContradiction = 1.5F;

constexpr IntLanes kSteps = {0, 1, 2, 3, 4, 5, 6, 7};

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

// A search in another picture, `away` frames later (or, negative, earlier), for what it says about the blocks of this one:
// the velocity v with v = field(position + away * v). It may know nothing.
//
// Many cells are searched for together, step by step: where one step leads to is then known long before the next one reads
// there.
class Search {
 public:
  Search(const Grid& grid, const Centres& centres, const Cell* field, float away)
      : centres_(centres), field_(field), away_(away), per_block_(1.0F / grid.block), rows_(grid.rows),
        columns_(grid.columns) {}

  static constexpr std::size_t kMost = 32;  // times kLanes cells together

  VIDEOTX_INLINE void clear() { count_ = 0; }
  [[nodiscard]] VIDEOTX_INLINE std::size_t count() const { return count_; }
  [[nodiscard]] VIDEOTX_INLINE std::size_t cell(std::size_t which) const { return cells_[which]; }

  // Search for the eight cells from `cell` on, beginning with a guess, if `wanted`.
  VIDEOTX_INLINE void add(std::size_t cell, Lanes guess_x, Lanes guess_y, bool wanted) {
    cells_[count_] = cell;
    store_lanes(guess_x_[count_].data(), guess_x);
    store_lanes(guess_y_[count_].data(), guess_y);
    store_lanes(places_[count_].data(), places_of(cell, guess_x, guess_y));
    count_ += static_cast<std::size_t>(wanted);
  }

  // One step: what the field says where the guesses lead is where to look.
  VIDEOTX_INLINE void step() {
    for (std::size_t i = 0; i < count_; ++i) {
      const Velocities first = look(i);
      const IntLanes unknown = first.rate == 0.0F;  // its velocity is 0 then
      const Lanes x = first.x + masked(unknown, load_lanes<Lanes>(guess_x_[i].data()));
      const Lanes y = first.y + masked(unknown, load_lanes<Lanes>(guess_y_[i].data()));
      store_lanes(places_[i].data(), places_of(cells_[i], x, y));
    }
  }

  // What the field says there.
  [[nodiscard]] VIDEOTX_INLINE Velocities look(std::size_t which) const { return load_cells_at(field_, places_[which]); }

 private:
  // Places of the cells that hold the positions, clamped to the grid, as numbers to count from the field's first.
  [[nodiscard]] VIDEOTX_INLINE IntLanes places_of(std::size_t cell, Lanes velocity_x, Lanes velocity_y) const {
    const Lanes x = load_lanes<Lanes>(&centres_.x[cell]) + away_ * velocity_x;
    const Lanes y = load_lanes<Lanes>(&centres_.y[cell]) + away_ * velocity_y;
    return 4 * (within(whole_of(y * per_block_), rows_ - 1) * columns_ +
                within(whole_of(x * per_block_), columns_ - 1));
  }

  template <typename Number>
  using Many = std::array<std::array<Number, kLanes>, kMost>;

  const Centres& centres_;
  const Cell* field_;
  float away_;
  float per_block_;
  std::int32_t rows_;
  std::int32_t columns_;
  std::size_t count_ = 0;
  std::array<std::size_t, kMost> cells_;
  Many<float> guess_x_;
  Many<float> guess_y_;
  Many<std::uint32_t> places_;
};

}  // namespace

Centres::Centres(const Grid& grid) : x(grid.stride()), y(grid.stride()) {
  const auto columns = static_cast<std::size_t>(grid.columns);
  for (std::size_t cell = 0; cell < grid.size(); ++cell) {
    x[cell] = (static_cast<float>(cell % columns) + 0.5F) * grid.block;
    y[cell] = (static_cast<float>(cell / columns) + 0.5F) * grid.block;
  }
}

VIDEOTX_CLONES std::size_t fill_known(const Grid& grid, const Centres& centres, const Cell* own_cells,
                                      const Cell* behind_cells, const Cell* opposite, float frames_away, Draft& out) {
  const std::size_t count = grid.size();
  Search search(grid, centres, opposite, frames_away);
  IntLanes unknown = {};
  for (std::size_t begin = 0; begin < count; begin += kLanes * Search::kMost) {
    const std::size_t end = std::min(begin + kLanes * Search::kMost, count);
    search.clear();
    for (std::size_t cell = begin; cell < end; cell += kLanes) {
      const Velocities own = load_cells(own_cells + cell);
      store_draft(own, cell, out);
      if (opposite != nullptr) {
        const Velocities behind = load_cells(behind_cells + cell);
        const IntLanes lost = own.rate == 0.0F;  // its velocity is 0 then
        search.add(cell, own.x + masked(lost, behind.x), own.y + masked(lost, behind.y), any_of(own.rate < 1.0F));
      }
    }
    search.step();
    for (std::size_t i = 0; i < search.count(); ++i) {
      const Velocities own = load_draft(out, search.cell(i)), found = search.look(i);
      const IntLanes better = (own.rate < 1.0F) & (found.rate > own.rate);
      store_draft({better ? found.x : own.x, better ? found.y : own.y, better ? found.rate : own.rate}, search.cell(i),
                  out);
    }
    for (std::size_t cell = begin; cell < end; cell += kLanes) {
      unknown += ones_before(count, cell, load_lanes<Lanes>(&out.rate[cell]) == 0.0F);
    }
  }
  return sum_of(unknown);
}

VIDEOTX_CLONES std::size_t take_further(const Grid& grid, const Centres& centres, const Cell* further_cells,
                                        float frames_away, float highest_rate, bool steady, Draft& out) {
  const std::size_t count = grid.size();
  const float least_apart = steady ? kContradiction : 0.0F;
  Search search(grid, centres, further_cells, frames_away);
  IntLanes covered = {};
  for (std::size_t begin = 0; begin < count; begin += kLanes * Search::kMost) {
    const std::size_t end = std::min(begin + kLanes * Search::kMost, count);
    search.clear();
    for (std::size_t cell = begin; cell < end; cell += kLanes) {
      const Velocities own = load_draft(out, cell), further = load_cells(further_cells + cell);
      const IntLanes unknown = own.rate == 0.0F;  // its velocity is 0 then
      search.add(cell, own.x + masked(unknown, further.x), own.y + masked(unknown, further.y),
                 steady || any_of(unknown));
    }
    search.step();
    for (std::size_t i = 0; i < search.count(); ++i) {
      const std::size_t cell = search.cell(i);
      const Velocities own = load_draft(out, cell), found = search.look(i);
      const IntLanes unknown = own.rate == 0.0F;
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
