#include "mpeg4/direct.h"

#include <cstdint>

namespace videotx::mpeg4 {
namespace {

struct Pair {
  std::int16_t forward;
  std::int16_t backward;
};

Pair scale(int vector, int delta, std::int64_t trb, std::int64_t trd) {
  const std::int64_t forward = vector * trb / trd + delta;
  const std::int64_t backward = delta != 0 ? forward - vector : vector * (trb - trd) / trd;
  return {static_cast<std::int16_t>(forward), static_cast<std::int16_t>(backward)};
}

void scale(Vector vector, Vector delta, int trb, int trd, Vector& forward, Vector& backward) {
  const Pair x = scale(vector.x, delta.x, trb, trd);
  const Pair y = scale(vector.y, delta.y, trb, trd);
  forward = {x.forward, y.forward};
  backward = {x.backward, y.backward};
}

}  // namespace

BidirectionalVectors direct_vectors(const MotionField& colocated, int column, int row, const DirectTimes& times,
                                    bool top_field_first, Vector delta) {
  BidirectionalVectors result;
  const auto number = static_cast<std::size_t>(row * colocated.columns + column);
  if ((colocated.flags[number] & MotionField::kFieldPrediction) != 0) {
    const FieldVectors& fields = colocated.fields[number];
    FieldVectors forward;
    FieldVectors backward;
    for (int parity = 0; parity < 2; ++parity) {
      const auto i = static_cast<std::size_t>(parity);
      const int step = (top_field_first ? 1 : -1) * (parity - fields.reference_is_bottom[i]);
      scale(fields.vector[i], delta, times.trb_field + step, times.trd_field + step, forward.vector[i],
            backward.vector[i]);
    }
    result.forward.fill(frame_vector(forward));
    result.backward.fill(frame_vector(backward));
    return result;
  }
  const std::array<Vector, 4> vectors = colocated.macroblock(column, row);
  for (std::size_t block = 0; block < 4; ++block) {
    scale(vectors[block], delta, times.trb, times.trd, result.forward[block], result.backward[block]);
  }
  return result;
}

}  // namespace videotx::mpeg4
