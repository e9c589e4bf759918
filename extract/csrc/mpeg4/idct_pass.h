// One direction of an inverse DCT, on eight vectors of coefficients at once: even-odd decomposition.
#pragma once

#include <algorithm>

#include "mpeg4/coefficients.h"
#include "mpeg4/lanes.h"

namespace videotx::mpeg4 {

// Factors cos(k * pi / 16) for k = 1 to 7 in some fixed point, of each of eight lanes.
using LaneCosines = std::array<std::array<std::int16_t, 7>, 8>;

// The factors as pairs, in the order of their use, for lanes 0 to 3 and 4 to 7; and what is added before the shift.
struct PassConstants {
  alignas(16) std::int16_t pairs[2][12][8];
  alignas(16) std::int32_t bias[2][4];
};

constexpr PassConstants pass_constants(const LaneCosines& lanes, const std::array<std::int32_t, 8>& bias) {
  // Signed indices into the cosines: 0 and 4 / 2 and 6 make the even part, 1 and 3 / 5 and 7 the odd one.
  constexpr int kPairs[12][2] = {{4, 4}, {4, -4}, {2, 6},  {6, -2},  {1, 3}, {5, 7},
                                 {3, -7}, {-1, -5}, {5, -1}, {7, 3}, {7, -5}, {3, -1}};
  PassConstants out{};
  for (std::size_t lane = 0; lane < 8; ++lane) {
    for (std::size_t pair = 0; pair < 12; ++pair) {
      for (std::size_t i = 0; i < 2; ++i) {
        const int k = kPairs[pair][i];
        const std::int16_t cosine = lanes[lane][static_cast<std::size_t>(k < 0 ? -k : k) - 1];
        out.pairs[lane / 4][pair][2 * (lane % 4) + i] = static_cast<std::int16_t>(k < 0 ? -cosine : cosine);
      }
    }
    out.bias[lane / 4][lane % 4] = bias[lane];
  }
  return out;
}

// The columns of a block, which are then empty.
template <std::size_t kColumns>
inline void take_columns(Block& block, Short8 (&x)[8]) {
  for (std::size_t i = 0; i < 8; ++i) x[i] = i < kColumns ? load(&block.coefficients[8 * i]) : broadcast(0);
  std::fill_n(block.coefficients.begin(), 8 * kColumns, std::int16_t{0});
}

// x[k] holds coefficient k of eight transforms, and then sample k of them. Promises that coefficients from `kCoefficients`
// on or transforms from `kTransforms` on (of which the bias then may not show) are zero save half of the work.
template <int kShift, int kCoefficients = 8, int kTransforms = 8>
inline void transform(Short8 (&x)[8], const PassConstants& constants) {
  constexpr bool kLow = kCoefficients == 4;
  Int4 out[8][2] = {};
  for (int half = 0; half < kTransforms / 4; ++half) {
    const auto interleave = [half](Short8 a, Short8 b) {
      return half == 0 ? interleave_low(a, b) : interleave_high(a, b);
    };
    const auto product = [&constants, half](Short8 pair, int index) {
      return multiply_add_pairs(pair, load(constants.pairs[half][index]));
    };
    const Short8 x04 = interleave(x[0], x[4]);
    const Short8 x26 = interleave(x[2], x[6]);
    const Short8 x13 = interleave(x[1], x[3]);
    const Short8 x57 = kLow ? Short8{} : interleave(x[5], x[7]);
    const Int4 bias = load(constants.bias[half]);
    const Int4 sum = add32(product(x04, 0), bias);
    const Int4 difference = add32(product(x04, 1), bias);
    const Int4 outer = product(x26, 2);
    const Int4 inner = product(x26, 3);
    const Int4 even[4] = {add32(sum, outer), add32(difference, inner), subtract32(difference, inner),
                          subtract32(sum, outer)};
    for (int i = 0; i < 4; ++i) {
      const Int4 low = product(x13, 4 + 2 * i);
      const Int4 odd = kLow ? low : add32(low, product(x57, 5 + 2 * i));
      out[i][half] = shift_right32<kShift>(add32(even[i], odd));
      out[7 - i][half] = shift_right32<kShift>(subtract32(even[i], odd));
    }
  }
  for (int i = 0; i < 8; ++i) x[i] = pack(out[i][0], out[i][1]);
}

// From columns to rows, of which the last four are zero after `kTransforms` = 4.
template <int kTransforms>
inline void to_rows(Short8 (&x)[8]) {
  transpose(x);
  for (int i = kTransforms; i < 8; ++i) x[i] = broadcast(0);
}

}  // namespace videotx::mpeg4
