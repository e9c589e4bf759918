// Macroblock pairs of MBAFF frames: where the neighbours of their macroblocks are (clauses 6.4.10 and 6.4.12.2), and
// what of them is seen from a macroblock of the other kind.
#pragma once

#include <cstddef>

#include "h264/macroblock.h"

namespace videotx::h264 {

struct NeighbourPair {
  bool available = false;
  bool field = false;
  std::size_t place = 0;  // of its first macroblock
};

struct MacroblockPair {
  int column = 0;
  int row = 0;            // of its first macroblock
  std::size_t place = 0;  // of its first macroblock
  NeighbourPair left, top, top_right, top_left;
  bool inferred_field = false;        // mb_field_decoding_flag where it is not sent (clause 7.4.4)
  unsigned num_field_neighbours = 0;  // to the left and above, for its ctxIdxInc
};

// The pair with the macroblock `address`.
MacroblockPair locate_pair(const Slice& slice, std::size_t address);
// One of its macroblocks, as a frame or a field macroblock, and its neighbours.
void locate_in_pair(Slice& slice, Macroblock& mb, const MacroblockPair& pair, bool bottom, bool field);
// As load_motion_neighbours(): vectors and reference indices become those of frame or field macroblocks, as the
// current one is (clause 8.4.1.3.1).
void load_pair_motion_neighbours(const Slice& slice, Macroblock& mb, std::size_t num_lists);

}  // namespace videotx::h264
