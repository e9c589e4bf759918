#include "resample_avx2.h"

#if defined(VIDEOTX_AVX2)
#include <immintrin.h>

#include <array>
#include <cstring>

namespace videotx {
namespace {

using Register = __m256i;

VIDEOTX_INLINE_AVX2 Register load(const std::uint8_t* from) {
  return _mm256_loadu_si256(reinterpret_cast<const Register*>(from));
}

// Two neighbouring weights, in every place.
VIDEOTX_INLINE_AVX2 Register weights_at(const std::int16_t* from) {
  std::int32_t both;
  std::memcpy(&both, from, sizeof(both));
  return _mm256_set1_epi32(both);
}

// 16 bytes from either place.
VIDEOTX_INLINE_AVX2 Register load_two(const std::uint8_t* low, const std::uint8_t* high) {
  const Register first = _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(low)));
  return _mm256_inserti128_si256(first, _mm_loadu_si128(reinterpret_cast<const __m128i*>(high)), 1);
}

// R, G, B of output pixels `i` and `i` + 4, in 32 bits each, before they are rounded down.
template <std::size_t kTaps>
VIDEOTX_INLINE_AVX2 Register two_pixels(const std::uint8_t* row, const Axis& axis, std::size_t i, Register half) {
  // Of two neighbouring pixels: red and red, green and green, blue and blue, as 16 bits.
  const Register by_channel = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
  const std::size_t taps = kTaps != 0 ? kTaps : axis.taps;
  const std::uint8_t* const low = row + 3 * static_cast<std::size_t>(axis.first[i]);
  const std::uint8_t* const high = row + 3 * static_cast<std::size_t>(axis.first[i + 4]);
  const std::int16_t* const weights = axis.weights.data() + i * taps;
  Register sum = half;
  for (std::size_t tap = 0; tap < taps; tap += 2) {
    const Register pixels = _mm256_shuffle_epi8(load_two(low + 3 * tap, high + 3 * tap), by_channel);
    const Register both = _mm256_blend_epi32(weights_at(weights + tap), weights_at(weights + 4 * taps + tap), 0xF0);
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pixels, both));
  }
  return sum;
}

template <std::size_t kTaps>
VIDEOTX_AVX2 void along_taps(const std::uint8_t* row, const Axis& axis, std::uint8_t* out) {
  static_assert(kPixelPiece == 8);
  const Register half = _mm256_set1_epi32(1 << (axis.precision - 1)), shift = _mm256_set1_epi32(axis.precision);
  const Register without_fourth = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
  for (std::size_t i = 0; i < axis.first.size(); i += kPixelPiece, out += 3 * kPixelPiece) {
    const auto pair = [&](std::size_t at) VIDEOTX_AVX2 {
      return _mm256_srav_epi32(two_pixels<kTaps>(row, axis, i + at, half), shift);
    };
    const Register even = _mm256_packs_epi32(pair(0), pair(1)), odd = _mm256_packs_epi32(pair(2), pair(3));
    const Register pixels = _mm256_shuffle_epi8(_mm256_packus_epi16(even, odd), without_fourth);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm256_castsi256_si128(pixels));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 12), _mm256_extracti128_si256(pixels, 1));
  }
}

template <std::size_t kTaps>
VIDEOTX_INLINE_AVX2 Register down_piece(const std::uint8_t* const* rows, const std::int16_t* weights, std::size_t taps,
                                        int precision, std::size_t x) {
  const Register zero = _mm256_setzero_si256(), half = _mm256_set1_epi32(1 << (precision - 1));
  const Register shift = _mm256_set1_epi32(precision);
  Register s0 = half, s1 = half, s2 = half, s3 = half;
  for (std::size_t tap = 0; tap < (kTaps != 0 ? kTaps : taps); tap += 2) {
    const Register upper = load(rows[tap] + x), lower = load(rows[tap + 1] + x), both = weights_at(weights + tap);
    const Register left = _mm256_unpacklo_epi8(upper, lower), right = _mm256_unpackhi_epi8(upper, lower);
    s0 = _mm256_add_epi32(s0, _mm256_madd_epi16(_mm256_unpacklo_epi8(left, zero), both));
    s1 = _mm256_add_epi32(s1, _mm256_madd_epi16(_mm256_unpackhi_epi8(left, zero), both));
    s2 = _mm256_add_epi32(s2, _mm256_madd_epi16(_mm256_unpacklo_epi8(right, zero), both));
    s3 = _mm256_add_epi32(s3, _mm256_madd_epi16(_mm256_unpackhi_epi8(right, zero), both));
  }
  const Register left = _mm256_packs_epi32(_mm256_srav_epi32(s0, shift), _mm256_srav_epi32(s1, shift));
  const Register right = _mm256_packs_epi32(_mm256_srav_epi32(s2, shift), _mm256_srav_epi32(s3, shift));
  return _mm256_packus_epi16(left, right);
}

template <std::size_t kTaps>
VIDEOTX_AVX2 void down_taps(const std::uint8_t* const* rows, const Axis& axis, std::size_t at, std::size_t count,
                            std::uint8_t* out) {
  const std::int16_t* const weights = axis.weights.data() + at * axis.taps;
  const auto piece = [&](std::size_t x) VIDEOTX_AVX2 {
    return down_piece<kTaps>(rows, weights, axis.taps, axis.precision, x);
  };
  if (count < kBytePiece) {
    std::array<std::uint8_t, kBytePiece> short_row;
    _mm256_storeu_si256(reinterpret_cast<Register*>(short_row.data()), piece(0));
    std::memcpy(out, short_row.data(), count);
    return;
  }
  for (std::size_t x = 0; x + kBytePiece < count; x += kBytePiece) {
    _mm256_storeu_si256(reinterpret_cast<Register*>(out + x), piece(x));
  }
  const std::size_t last = count - kBytePiece;  // may be done already, in part
  _mm256_storeu_si256(reinterpret_cast<Register*>(out + last), piece(last));
}

}  // namespace

void along_avx2(const std::uint8_t* row, const Axis& axis, std::uint8_t* out) {
  (axis.taps == 2 ? along_taps<2> : axis.taps == 4 ? along_taps<4> : along_taps<0>)(row, axis, out);
}

void down_avx2(const std::uint8_t* const* rows, const Axis& axis, std::size_t at, std::size_t count,
               std::uint8_t* out) {
  (axis.taps == 2 ? down_taps<2> : axis.taps == 4 ? down_taps<4> : down_taps<0>)(rows, axis, at, count, out);
}

}  // namespace videotx
#endif
