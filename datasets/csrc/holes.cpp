#include "holes.h"

#include <algorithm>

#include "clones.h"

namespace videotx {
namespace {

constexpr std::size_t kNumbers = 4;  // of a place

// Places of one row of cells, in whole lanes: what comes behind the last is overwritten. Writes the columns of those that
// are not known to `holes`, which has room for all columns; returns how many they are.
VIDEOTX_CLONES std::size_t lay_out_row(std::size_t columns, const float* x, const float* y, const float* rate,
                                       float* places, std::uint32_t* holes) {
  std::size_t num_holes = 0;
  for (std::size_t column = 0; column < columns; column += kLanes) {
    const IntLanes known = load_lanes<Lanes>(rate + column) > 0.0F;
    store_fours(places + kNumbers * column, {masked(known, load_lanes<Lanes>(x + column)),
                                             masked(known, load_lanes<Lanes>(y + column)),
                                             masked(known, Lanes{} + 1.0F), Lanes{}});
    if (any_of(~known)) {
      for (std::size_t hole = column; hole < std::min(column + kLanes, columns); ++hole) {
        holes[num_holes] = static_cast<std::uint32_t>(hole);
        num_holes += static_cast<std::size_t>(rate[hole] == 0.0F);
      }
    }
  }
  return num_holes;
}

}  // namespace

HoleFiller::HoleFiller(const Grid& grid)
    : rows_(static_cast<std::size_t>(grid.rows)),
      columns_(static_cast<std::size_t>(grid.columns)),
      line_(columns_ + 2),
      places_(kNumbers * (line_ * (rows_ + 2) + kLanes)),
      row_holes_(columns_) {}

void HoleFiller::lay_out(const Draft& draft) {
  for (std::size_t row = 0; row < rows_; ++row) {
    const std::size_t first = row * columns_;
    float* const places = places_.data() + kNumbers * ((row + 1) * line_ + 1);
    const std::size_t num_holes = lay_out_row(columns_, &draft.x[first], &draft.y[first], &draft.rate[first], places,
                                              row_holes_.data());
    // The rims behind this row and before the next; after the last row, all that may have been written.
    const std::size_t behind = row + 1 < rows_ ? 2 : kLanes;
    std::fill_n(places + kNumbers * columns_, kNumbers * behind, 0.0F);
    for (std::size_t i = 0; i < num_holes; ++i) {
      holes_.push_back({first + row_holes_[i], (row + 1) * line_ + 1 + row_holes_[i], Four{}});
    }
  }
}

Four HoleFiller::sum_around(std::size_t place) const {
  Four sum = {};
  for (std::size_t row = 0; row < 3; ++row) {
    const float* const from = places_.data() + kNumbers * (place + row * line_ - line_ - 1);
    sum += load_lanes<Four>(from);
    sum += load_lanes<Four>(from + kNumbers);
    sum += load_lanes<Four>(from + 2 * kNumbers);
  }
  return sum;
}

void HoleFiller::fill(Draft& draft) {
  holes_.clear();
  lay_out(draft);
  for (bool progress = true; progress;) {
    progress = false;
    for (Hole& hole : holes_) {
      hole.sum = sum_around(hole.place);
    }
    std::erase_if(holes_, [&](const Hole& hole) {
      const float count = hole.sum[2];
      if (count == 0.0F) {
        return false;
      }
      const float share = 1.0F / count;
      draft.x[hole.cell] = hole.sum[0] * share;
      draft.y[hole.cell] = hole.sum[1] * share;
      store_lanes(places_.data() + kNumbers * hole.place, Four{draft.x[hole.cell], draft.y[hole.cell], 1.0F, 0.0F});
      progress = true;
      return true;
    });
  }
}

}  // namespace videotx
