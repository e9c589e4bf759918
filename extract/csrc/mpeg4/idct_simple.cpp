// The "simple" inverse DCT: cosines with 14 fractional bits, rows (11 bits dropped), then columns (20 bits dropped).
#include "mpeg4/idct.h"
#include "mpeg4/idct_pass.h"

namespace videotx::mpeg4 {
namespace {

// round(cos(k * pi / 16) * sqrt(2) * 2^14), except the fourth, which is one less so that products stay below 2^14.
constexpr std::array<std::int16_t, 7> kCosines = {22725, 21407, 19266, 16383, 12873, 8867, 4520};
constexpr LaneCosines kLanes = {kCosines, kCosines, kCosines, kCosines, kCosines, kCosines, kCosines, kCosines};

constexpr int kRowShift = 11;
constexpr int kColumnShift = 20;

constexpr std::array<std::int32_t, 8> everywhere(std::int32_t value) {
  return {value, value, value, value, value, value, value, value};
}

constexpr PassConstants kRows = pass_constants(kLanes, everywhere(1 << (kRowShift - 1)));
// The column rounding is added before the multiplication, hence a multiple of the fourth factor.
constexpr PassConstants kColumns =
    pass_constants(kLanes, everywhere((1 << (kColumnShift - 1)) / kCosines[3] * kCosines[3]));

// Of a block with `kSide` x `kSide` coefficients.
template <int kSide>
inline void inverse(Block& block, std::int16_t* samples, std::ptrdiff_t stride) {
  Short8 x[8];
  take_columns<kSide>(block, x);
  // Rows of nothing but a DC coefficient take a shortcut that rounds differently, and so must be taken.
  Short8 any_ac = x[1];
  for (int i = 2; i < kSide; ++i) any_ac = either(any_ac, x[i]);
  const Short8 only_dc = is_zero16(any_ac);
  const Short8 dc = shift_left16<3>(x[0]);
  transform<kRowShift, kSide, kSide>(x, kRows);
  for (Short8& row : x) row = select(only_dc, dc, row);
  to_rows<kSide>(x);
  transform<kColumnShift, kSide>(x, kColumns);
  for (int i = 0; i < 8; ++i) store(samples + i * stride, x[i]);
}

}  // namespace

void idct_simple(Block& block, std::int16_t* samples, std::ptrdiff_t stride) {
  (block.low ? inverse<4> : inverse<8>)(block, samples, stride);
}

}  // namespace videotx::mpeg4
