// Xvid's inverse DCT: rows with a scale of their own each, so that columns need nothing but tangents, and columns with
// 16-bit high multiplications.
#include "mpeg4/idct.h"
#include "mpeg4/idct_pass.h"

namespace videotx::mpeg4 {
namespace {

constexpr int kRowShift = 11;
constexpr int kColumnShift = 6;

// cos(k * pi / 16) for k = 1 to 7, times sqrt(2) * 2^14 and the scale of the row: 1 for rows 0 and 4, then
// cos(pi / 16), cos(2 pi / 16) and cos(3 pi / 16) times sqrt(2) for rows 1 and 7, 2 and 6, 3 and 5.
constexpr std::array<std::int16_t, 7> kScale0 = {22725, 21407, 19266, 16384, 12873, 8867, 4520};
constexpr std::array<std::int16_t, 7> kScale1 = {31521, 29692, 26722, 22725, 17855, 12299, 6270};
constexpr std::array<std::int16_t, 7> kScale2 = {29692, 27969, 25172, 21407, 16819, 11585, 5906};
constexpr std::array<std::int16_t, 7> kScale3 = {26722, 25172, 22654, 19266, 15137, 10426, 5315};
constexpr LaneCosines kLanes = {kScale0, kScale1, kScale2, kScale3, kScale0, kScale3, kScale2, kScale1};
// Row 0 carries the rounding of the columns; the others' were chosen against the bias of the truncating columns.
constexpr PassConstants kRows =
    pass_constants(kLanes, {1 << (kColumnShift + kRowShift - 1), 3597, 2260, 1203, 0, 120, 512, 512});

// tan(k * pi / 16) and cos(pi / 4), times 2^16 (the last: 2^15)
constexpr std::int16_t kTan1 = 13036;
constexpr std::int16_t kTan2 = 27146;
constexpr std::int16_t kTan3Minus1 = 43790 - 65536;  // does not fit; one is added back
constexpr std::int16_t kCos4 = 23170;

inline Short8 tan3(Short8 x) { return add16(multiply_high(x, broadcast(kTan3Minus1)), x); }

inline void column_pass(Short8 (&x)[8]) {
  const Short8 tan1 = broadcast(kTan1);
  const Short8 tan2 = broadcast(kTan2);
  const Short8 cos4 = broadcast(kCos4);
  const Short8 p = add16(multiply_high(x[7], tan1), x[1]);
  const Short8 q = subtract16(multiply_high(x[1], tan1), x[7]);
  const Short8 r = add16(tan3(x[5]), x[3]);
  const Short8 s = subtract16(tan3(x[3]), x[5]);
  const Short8 inner = subtract16(p, r);
  const Short8 outer = add16(q, s);
  const Short8 odd[4] = {add16(p, r), shift_left16<1>(multiply_high(add16(inner, outer), cos4)),
                         shift_left16<1>(multiply_high(subtract16(inner, outer), cos4)), subtract16(q, s)};
  const Short8 t = add16(multiply_high(x[6], tan2), x[2]);
  const Short8 u = subtract16(multiply_high(x[2], tan2), x[6]);
  const Short8 sum = add16(x[0], x[4]);
  const Short8 difference = subtract16(x[0], x[4]);
  const Short8 even[4] = {add16(sum, t), add16(difference, u), subtract16(difference, u), subtract16(sum, t)};
  for (int i = 0; i < 4; ++i) {
    x[i] = shift_right16<kColumnShift>(add16(even[i], odd[i]));
    x[7 - i] = shift_right16<kColumnShift>(subtract16(even[i], odd[i]));
  }
}

// Of a block with `kSide` x `kSide` coefficients.
template <int kSide>
inline void inverse(Block& block, std::int16_t* samples, std::ptrdiff_t stride) {
  Short8 x[8];
  take_columns<kSide>(block, x);
  transform<kRowShift, kSide, kSide>(x, kRows);
  to_rows<kSide>(x);
  column_pass(x);
  for (int i = 0; i < 8; ++i) store(samples + i * stride, x[i]);
}

}  // namespace

void idct_xvid(Block& block, std::int16_t* samples, std::ptrdiff_t stride) {
  (block.low ? inverse<4> : inverse<8>)(block, samples, stride);
}

}  // namespace videotx::mpeg4
