// Direct mode of B-VOPs: vectors scaled from the co-located macroblock (ISO/IEC 14496-2, 7.6.9.5 and 7.7.2.2).
#pragma once

#include <array>

#include "mpeg4/motion.h"

namespace videotx::mpeg4 {

// Times of a B-VOP relative to its references, in ticks (frame) and in fields.
struct DirectTimes {
  int trb = 1;  // from the past reference to this VOP
  int trd = 1;  // from the past to the future reference
  int trb_field = 2;
  int trd_field = 4;
};

struct BidirectionalVectors {
  std::array<Vector, 4> forward{};
  std::array<Vector, 4> backward{};
};

BidirectionalVectors direct_vectors(const MotionField& colocated, int column, int row, const DirectTimes& times,
                                    bool top_field_first, Vector delta);

}  // namespace videotx::mpeg4
