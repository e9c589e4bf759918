// Cells as lanes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "flow.h"
#include "lanes.h"

namespace videotx {

static_assert(sizeof(Cell) == sizeof(Four));

struct Velocities {
  Lanes x, y, rate;
};

template <typename Offsets>
VIDEOTX_INLINE Velocities load_cells_at(const Cell* from, const Offsets& offsets) {
  const FourLanes four = load_fours(&from->x, offsets);
  return {four.first, four.second, four.third};
}

VIDEOTX_INLINE Velocities load_cells(const Cell* from) {
  constexpr std::array<std::uint32_t, kLanes> kOffsets = {0, 4, 8, 12, 16, 20, 24, 28};
  return load_cells_at(from, kOffsets);
}

VIDEOTX_INLINE void store_cells(Cell* to, const Velocities& value) {
  store_fours(&to->x, {value.x, value.y, value.rate, Lanes{}});
}

}  // namespace videotx
