// The block vectors of one picture as velocities. The loops work on whole lanes: pictures of cells have `Grid::stride()` of
// them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "flow.h"

namespace videotx {

// Whether any of the references lead back, and whether any lead forth.
struct Directions {
  bool back = false;
  bool forth = false;
};
Directions directions_of(const std::int8_t* ref, std::size_t count);

// The two lists of one picture turned into velocities: in `past` or `future` by the sign of their references, better known
// ones before others, the mean of equals. `mv` and `ref` begin with list 0, of `cells` cells each. Either may be null,
// where no reference leads there.
void offer_lists(const std::int16_t* mv, const std::int8_t* ref, std::size_t cells, Cell* past, Cell* future);

// How many rates are known and below `most`.
std::size_t count_slower(const float* rate, std::size_t cells, float most);

}  // namespace videotx
