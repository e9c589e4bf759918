// Cells of large pictures, several taken for one.
#pragma once

#include "flow.h"

namespace videotx {

// Of `pool` x `pool` cells as many as say something: the median of their velocities, coordinate by coordinate, and of
// their rates. One block of a large picture is a small part of what moves, and where the picture is flat its vector says
// what was cheapest to code. `from` has one cell more than its stride, which says nothing; `to` has room for a stride.
void take_medians(const Grid& fine, const Field& from, int pool, const Grid& coarse, Cell* to);

}  // namespace videotx
