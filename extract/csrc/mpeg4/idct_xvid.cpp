// Xvid's inverse DCT: rows with a scale of their own each, so that columns need nothing but tangents, and columns with
// 16-bit high multiplications.
#include "mpeg4/idct.h"

namespace videotx::mpeg4 {
namespace {

constexpr int kRowShift = 11;
constexpr int kColumnShift = 6;

// cos(k * pi / 16) for k = 1..7, times sqrt(2) * 2^14 and the scale of the row: 1 for rows 0 and 4, then
// cos(pi / 16), cos(2 pi / 16) and cos(3 pi / 16) times sqrt(2) for rows 1 and 7, 2 and 6, 3 and 5.
constexpr unsigned kCosines[4][7] = {{22725, 21407, 19266, 16384, 12873, 8867, 4520},
                                {31521, 29692, 26722, 22725, 17855, 12299, 6270},
                                {29692, 27969, 25172, 21407, 16819, 11585, 5906},
                                {26722, 25172, 22654, 19266, 15137, 10426, 5315}};
constexpr int kCosinesOfRow[8] = {0, 1, 2, 3, 0, 3, 2, 1};
// Row 0 carries the rounding of the columns; the others' were chosen against the bias of the truncating columns.
constexpr unsigned kRounding[8] = {1 << (kColumnShift + kRowShift - 1), 3597, 2260, 1203, 0, 120, 512, 512};

// tan(k * pi / 16) and cos(pi / 4), times 2^16 (the last: 2^15)
constexpr int kTan1 = 13036;
constexpr int kTan2 = 27146;
constexpr int kTan3 = 43790;
constexpr int kCos4 = 23170;

// Arithmetic wraps: sound streams never overflow, damaged ones may.
constexpr int high(int factor, int value) {
  return static_cast<int>(static_cast<unsigned>(factor) * static_cast<unsigned>(value)) >> 16;
}

void row_pass(std::int16_t* data, int row) {
  unsigned x[8];
  for (int i = 0; i < 8; ++i) x[i] = static_cast<unsigned>(static_cast<int>(data[i]));
  const unsigned* const c = kCosines[kCosinesOfRow[row]];
  const unsigned dc = c[3] * x[0] + kRounding[row];
  const unsigned a0 = dc + c[1] * x[2] + c[3] * x[4] + c[5] * x[6];
  const unsigned a1 = dc + c[5] * x[2] - c[3] * x[4] - c[1] * x[6];
  const unsigned a2 = dc - c[5] * x[2] - c[3] * x[4] + c[1] * x[6];
  const unsigned a3 = dc - c[1] * x[2] + c[3] * x[4] - c[5] * x[6];
  const unsigned b0 = c[0] * x[1] + c[2] * x[3] + c[4] * x[5] + c[6] * x[7];
  const unsigned b1 = c[2] * x[1] - c[6] * x[3] - c[0] * x[5] - c[4] * x[7];
  const unsigned b2 = c[4] * x[1] - c[0] * x[3] + c[6] * x[5] + c[2] * x[7];
  const unsigned b3 = c[6] * x[1] - c[4] * x[3] + c[2] * x[5] - c[0] * x[7];
  const unsigned sums[8] = {a0 + b0, a1 + b1, a2 + b2, a3 + b3, a3 - b3, a2 - b2, a1 - b1, a0 - b0};
  for (int i = 0; i < 8; ++i) data[i] = static_cast<std::int16_t>(static_cast<int>(sums[i]) >> kRowShift);
}

void column_pass(const std::int16_t* x, std::int16_t* samples, std::ptrdiff_t stride) {
  // Odd part
  const int p = high(kTan1, x[7 * 8]) + x[1 * 8];
  const int q = high(kTan1, x[1 * 8]) - x[7 * 8];
  const int r = high(kTan3, x[5 * 8]) + x[3 * 8];
  const int s = high(kTan3, x[3 * 8]) - x[5 * 8];
  const int b0 = p + r;
  const int b3 = q - s;
  const int b1 = 2 * high(kCos4, (p - r) + (q + s));
  const int b2 = 2 * high(kCos4, (p - r) - (q + s));
  // Even part
  const int t = high(kTan2, x[6 * 8]) + x[2 * 8];
  const int u = high(kTan2, x[2 * 8]) - x[6 * 8];
  const int sum = x[0] + x[4 * 8];
  const int difference = x[0] - x[4 * 8];
  const int a[4] = {sum + t, difference + u, difference - u, sum - t};
  const int b[4] = {b0, b1, b2, b3};
  for (int i = 0; i < 4; ++i) {
    samples[i * stride] = static_cast<std::int16_t>((a[i] + b[i]) >> kColumnShift);
    samples[(7 - i) * stride] = static_cast<std::int16_t>((a[i] - b[i]) >> kColumnShift);
  }
}

}  // namespace

void idct_xvid(Block& block, std::int16_t* samples, std::ptrdiff_t stride) {
  std::int16_t* const data = block.coefficients.data();
  // Rows 0 to 2 are never zero after rounding, the others are where they were empty.
  for (int row = 0; row < 8; ++row) {
    if (row < 3 || (block.rows >> row & 1) != 0) row_pass(data + 8 * row, row);
  }
  for (int column = 0; column < 8; ++column) column_pass(data + column, samples + column, stride);
  block = {};
}

}  // namespace videotx::mpeg4
