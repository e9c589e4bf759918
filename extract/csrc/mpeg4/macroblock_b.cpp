// Macroblocks of B-VOPs (6.2.6, 7.6.9): modes, vectors of both directions.
#include <algorithm>

#include "mpeg4/vop_reader.h"

namespace videotx::mpeg4 {
namespace {

// Table B-3
constexpr int kDirect = 0;
constexpr int kInterpolate = 1;
constexpr int kBackward = 2;
constexpr int kForward = 3;

}  // namespace

bool VopReader::read_b_macroblock(int number) {
  Macroblock mb = place(number);
  if (mb.column == 0) last_ = {};
  if (colocated_skipped(number)) {
    put_class(mb, MacroblockClass::kSkipB);
    put_vectors(mb, 0, {});
    return true;
  }
  if (bits_.read_flag()) {  // modb '1'
    put_class(mb, MacroblockClass::kSkipB);
    put_direct(mb, {});
    return true;
  }
  const bool no_cbp = bits_.read_flag();  // modb '01'
  const int mb_type = kMbTypeB.read(bits_);
  if (mb_type < 0) return false;
  if (!no_cbp) mb.cbp = static_cast<int>(bits_.read(6));
  if (mb_type != kDirect && mb.cbp != 0 && bits_.read_flag()) {  // dbquant, Table 6-33
    quantiser_ = std::clamp(quantiser_ + (bits_.read_flag() ? 2 : -2), 1, 31);
  }
  if (vol_.interlaced && mb.cbp != 0) mb.field_dct = bits_.read_flag();
  if (mb_type == kDirect) {
    Vector delta;
    if (!read_vector(bits_, {}, 1, delta)) return false;
    put_class(mb, MacroblockClass::kDirectB);
    put_direct(mb, delta);
  } else {
    const bool field_prediction = vol_.interlaced && bits_.read_flag();
    put_class(mb, MacroblockClass::kInterB);
    const bool forward = mb_type == kForward || mb_type == kInterpolate;
    const bool backward = mb_type == kBackward || mb_type == kInterpolate;
    if (!read_b_motion(mb, forward, backward, field_prediction)) return false;
  }
  return read_blocks(mb);
}

bool VopReader::read_b_motion(const Macroblock& mb, bool forward, bool backward, bool field_prediction) {
  // The reference fields of both directions come before the vectors. Which fields they are shows in no output.
  if (field_prediction) bits_.skip((forward ? 2U : 0U) + (backward ? 2U : 0U));
  if (forward && !read_b_vectors(mb, 0, field_prediction)) return false;
  return !backward || read_b_vectors(mb, 1, field_prediction);
}

bool VopReader::read_b_vectors(const Macroblock& mb, int direction, bool field_prediction) {
  std::array<Vector, 2>& last = last_[static_cast<std::size_t>(direction)];
  const int f_code = direction == 0 ? vop_.f_code_forward : vop_.f_code_backward;
  std::array<Vector, 4> vectors;
  if (field_prediction) {
    picture_.field_motion = true;
    FieldVectors fields;
    for (std::size_t i = 0; i < 2; ++i) {
      const Vector prediction = {last[i].x, static_cast<std::int16_t>(last[i].y / 2)};
      if (!read_vector(bits_, prediction, f_code, fields.vector[i])) return false;
      last[i] = {fields.vector[i].x, static_cast<std::int16_t>(fields.vector[i].y * 2)};
    }
    vectors.fill(frame_vector(fields));
  } else {
    Vector vector;
    if (!read_vector(bits_, last[0], f_code, vector)) return false;
    last.fill(vector);
    vectors.fill(vector);
  }
  put_vectors(mb, direction, vectors);
  return true;
}

void VopReader::put_direct(const Macroblock& mb, Vector delta) {
  const std::uint8_t flags = colocated_.flags[static_cast<std::size_t>(mb.number)];
  if ((flags & MotionField::kFieldPrediction) != 0) picture_.field_motion = true;
  const BidirectionalVectors vectors =
      direct_vectors(colocated_, mb.column, mb.row, direct_times_, vop_.top_field_first, delta);
  put_vectors(mb, 0, vectors.forward);
  put_vectors(mb, 1, vectors.backward);
}

}  // namespace videotx::mpeg4
