// One 8x8 block of samples to quantised coefficients: the forward transform of ITU-T T.81 Annex A.3.3.
//
// Arithmetic is in 32-bit lanes, eight at a time, after Loeffler, Ligtenberg and Moschytz, "Practical fast 1-D DCT
// algorithms with 11 multiplications" (ICASSP 1989), with constants of 13 bits and two guard bits between the passes: the
// accurate integer transform of the IJG library, so that pictures come out equal to its in every bit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#define VIDEOTX_INLINE inline __attribute__((always_inline))

namespace videotx {

inline constexpr std::size_t kBlock = 8;

// Lanes never cross a call that is not inlined, so how they would be passed does not matter.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif
using Lanes = std::int32_t __attribute__((vector_size(32)));
using FloatLanes = float __attribute__((vector_size(32)));
using ByteLanes = std::uint8_t __attribute__((vector_size(8)));

// Division by steps times 8 (the transform's scale), to the nearest; exact for every coefficient of 8-bit samples.
struct Quantiser {
  alignas(32) std::array<float, 64> reciprocal;
  alignas(32) std::array<float, 64> bias;

  explicit Quantiser(const std::array<std::uint8_t, 64>& steps) {
    for (std::size_t i = 0; i < 64; ++i) {
      const float scaled = 8.0F * static_cast<float>(steps[i]);
      reciprocal[i] = 1.0F / scaled;
      // Half a step rounds to the nearest. The other half of a unit keeps exact multiples clear of float's own rounding.
      bias[i] = (scaled / 2 + 0.5F) / scaled;
    }
  }
};

struct Coefficients {
  alignas(32) std::array<std::int32_t, 64> values;  // row by row
  std::uint64_t occupied;                           // bit 8 * column + row: that value is not zero
};

VIDEOTX_INLINE void transpose(std::array<Lanes, 8>& v) {
  std::array<Lanes, 8> a, b;
  for (std::size_t i = 0; i < 8; i += 2) {
    a[i] = __builtin_shufflevector(v[i], v[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    a[i + 1] = __builtin_shufflevector(v[i], v[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (std::size_t i = 0; i < 8; i += 4) {
    for (std::size_t j = 0; j < 2; ++j) {
      b[i + 2 * j] = __builtin_shufflevector(a[i + j], a[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      b[i + 2 * j + 1] = __builtin_shufflevector(a[i + j], a[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  for (std::size_t i = 0; i < 4; ++i) {
    v[i] = __builtin_shufflevector(b[i], b[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    v[i + 4] = __builtin_shufflevector(b[i], b[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

template <int kBits>
VIDEOTX_INLINE Lanes rounded_shift(Lanes value) {
  return (value + (1 << (kBits - 1))) >> kBits;
}

inline constexpr int kConstantBits = 13;
inline constexpr int kGuardBits = 2;

constexpr std::int32_t constant(double value) { return static_cast<std::int32_t>(value * (1 << kConstantBits) + 0.5); }

// The transform along the first index, eight times side by side. The first of two passes leaves guard bits, the second
// takes them away.
template <bool kFirst>
VIDEOTX_INLINE void transform(std::array<Lanes, 8>& d) {
  constexpr int kBits = kFirst ? kConstantBits - kGuardBits : kConstantBits + kGuardBits;
  const Lanes s0 = d[0] + d[7], s1 = d[1] + d[6], s2 = d[2] + d[5], s3 = d[3] + d[4];
  const Lanes d0 = d[0] - d[7], d1 = d[1] - d[6], d2 = d[2] - d[5], d3 = d[3] - d[4];

  const Lanes even = s0 + s3, odd = s1 + s2, x = s0 - s3, y = s1 - s2;
  if constexpr (kFirst) {
    d[0] = (even + odd) << kGuardBits;
    d[4] = (even - odd) << kGuardBits;
  } else {
    d[0] = rounded_shift<kGuardBits>(even + odd);
    d[4] = rounded_shift<kGuardBits>(even - odd);
  }
  const Lanes shared = (x + y) * constant(0.541196100);
  d[2] = rounded_shift<kBits>(shared + x * constant(0.765366865));
  d[6] = rounded_shift<kBits>(shared - y * constant(1.847759065));

  const Lanes outer = (d3 + d0) * -constant(0.899976223), inner = (d2 + d1) * -constant(2.562915447);
  const Lanes both = (d3 + d1 + d2 + d0) * constant(1.175875602);
  const Lanes left = (d3 + d1) * -constant(1.961570560) + both, right = (d2 + d0) * -constant(0.390180644) + both;
  d[7] = rounded_shift<kBits>(d3 * constant(0.298631336) + outer + left);
  d[5] = rounded_shift<kBits>(d2 * constant(2.053119869) + inner + right);
  d[3] = rounded_shift<kBits>(d1 * constant(3.072711026) + inner + left);
  d[1] = rounded_shift<kBits>(d0 * constant(1.501321110) + outer + right);
}

VIDEOTX_INLINE Lanes quantised(Lanes value, const Quantiser& quantiser, std::size_t place) {
  FloatLanes reciprocal, bias;
  std::memcpy(&reciprocal, &quantiser.reciprocal[place], sizeof reciprocal);
  std::memcpy(&bias, &quantiser.bias[place], sizeof bias);
  const Lanes sign = value >> 31;
  const FloatLanes magnitude = __builtin_convertvector((value ^ sign) - sign, FloatLanes);
  return (__builtin_convertvector(magnitude * reciprocal + bias, Lanes) ^ sign) - sign;
}

// `rows` are eight rows of eight samples, `stride` apart.
VIDEOTX_INLINE void forward_transform(const std::uint8_t* rows, std::size_t stride, const Quantiser& quantiser,
                                      Coefficients& out) {
  std::array<Lanes, 8> v;
  for (std::size_t y = 0; y < kBlock; ++y) {
    for (std::size_t x = 0; x < kBlock; ++x) v[y][x] = rows[y * stride + x] - 128;
  }
  transpose(v);
  transform<true>(v);
  transpose(v);
  transform<false>(v);
  Lanes occupied = {};
  for (std::size_t y = 0; y < kBlock; ++y) {
    const Lanes q = quantised(v[y], quantiser, y * kBlock);
    std::memcpy(&out.values[y * kBlock], &q, sizeof q);
    occupied |= (q != 0) & (1 << y);
  }
  const ByteLanes columns = __builtin_convertvector(occupied, ByteLanes);
  std::memcpy(&out.occupied, &columns, sizeof columns);
}

}  // namespace videotx
