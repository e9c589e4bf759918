// The "simple" inverse DCT: even-odd decomposition, cosines with 14 fractional bits, rows (11 bits dropped), then
// columns (20 bits dropped).
#include "mpeg4/idct.h"

namespace videotx::mpeg4 {
namespace {

// round(cos(k * pi / 16) * sqrt(2) * 2^14), except W4, which is one less so that products stay below 2^14.
constexpr unsigned kW1 = 22725;
constexpr unsigned kW2 = 21407;
constexpr unsigned kW3 = 19266;
constexpr unsigned kW4 = 16383;
constexpr unsigned kW5 = 12873;
constexpr unsigned kW6 = 8867;
constexpr unsigned kW7 = 4520;

constexpr int kRowShift = 11;
constexpr int kColumnShift = 20;
// The column rounding is added before the multiplication, hence truncated to a multiple of W4.
constexpr unsigned kColumnBias = (1U << (kColumnShift - 1)) / kW4;

constexpr unsigned widen(std::int16_t value) { return static_cast<unsigned>(static_cast<int>(value)); }
constexpr std::int16_t narrow(unsigned sum, int shift) {
  return static_cast<std::int16_t>(static_cast<int>(sum) >> shift);
}

// Sums wrap: sound streams never overflow, damaged ones may.
// out[i] for even-part sums `a` and odd-part sums `b`: out[i] = a[i] + b[i], out[7 - i] = a[i] - b[i].
template <class Load, class Store>
inline void transform(Load load, unsigned dc, Store store) {
  const unsigned x1 = load(1);
  const unsigned x2 = load(2);
  const unsigned x3 = load(3);
  const unsigned x4 = load(4);
  const unsigned x5 = load(5);
  const unsigned x6 = load(6);
  const unsigned x7 = load(7);
  const unsigned a0 = dc + kW4 * x4 + kW2 * x2 + kW6 * x6;
  const unsigned a1 = dc - kW4 * x4 + kW6 * x2 - kW2 * x6;
  const unsigned a2 = dc - kW4 * x4 - kW6 * x2 + kW2 * x6;
  const unsigned a3 = dc + kW4 * x4 - kW2 * x2 - kW6 * x6;
  const unsigned b0 = kW1 * x1 + kW3 * x3 + kW5 * x5 + kW7 * x7;
  const unsigned b1 = kW3 * x1 - kW7 * x3 - kW1 * x5 - kW5 * x7;
  const unsigned b2 = kW5 * x1 - kW1 * x3 + kW7 * x5 + kW3 * x7;
  const unsigned b3 = kW7 * x1 - kW5 * x3 + kW3 * x5 - kW1 * x7;
  store(0, a0 + b0);
  store(1, a1 + b1);
  store(2, a2 + b2);
  store(3, a3 + b3);
  store(4, a3 - b3);
  store(5, a2 - b2);
  store(6, a1 - b1);
  store(7, a0 - b0);
}

void row_pass(std::int16_t* row) {
  if ((row[1] | row[2] | row[3] | row[4] | row[5] | row[6] | row[7]) == 0) {
    const auto dc = static_cast<std::int16_t>(row[0] * 8);  // a shortcut that rounds differently, and so must be taken
    for (int i = 0; i < 8; ++i) row[i] = dc;
    return;
  }
  transform([row](int i) { return widen(row[i]); }, kW4 * widen(row[0]) + (1U << (kRowShift - 1)),
            [row](int i, unsigned sum) { row[i] = narrow(sum, kRowShift); });
}

}  // namespace

void idct_simple(Block& block, std::int16_t* samples, std::ptrdiff_t stride) {
  std::int16_t* const data = block.coefficients.data();
  for (int row = 0; row < 8; ++row) {
    if ((block.rows >> row & 1) != 0) row_pass(data + 8 * row);
  }
  if (block.rows == 1) {
    for (int column = 0; column < 8; ++column) {
      const std::int16_t value = narrow(kW4 * (widen(data[column]) + kColumnBias), kColumnShift);
      for (int row = 0; row < 8; ++row) samples[row * stride + column] = value;
    }
  } else {
    for (int column = 0; column < 8; ++column) {
      transform([=](int i) { return widen(data[8 * i + column]); }, kW4 * (widen(data[column]) + kColumnBias),
                [=](int i, unsigned sum) { samples[i * stride + column] = narrow(sum, kColumnShift); });
    }
  }
  block = {};
}

}  // namespace videotx::mpeg4
