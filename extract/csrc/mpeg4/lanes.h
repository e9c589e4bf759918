// Eight 16-bit or four 32-bit lanes, as SSE2 has them. Where there is no SSE2, loops of the same meaning.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace videotx::mpeg4 {

#if defined(__SSE2__)

using Short8 = __m128i;
using Int4 = __m128i;

inline Short8 load(const std::int16_t* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); }
inline void store(std::int16_t* to, Short8 v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), v); }
inline Int4 load(const std::int32_t* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); }
inline Short8 broadcast(std::int16_t value) { return _mm_set1_epi16(value); }
inline Short8 add16(Short8 a, Short8 b) { return _mm_add_epi16(a, b); }  // wraps
inline Short8 subtract16(Short8 a, Short8 b) { return _mm_sub_epi16(a, b); }
inline Short8 multiply_high(Short8 a, Short8 b) { return _mm_mulhi_epi16(a, b); }  // (a * b) >> 16
template <int kShift>
Short8 shift_right16(Short8 a) {
  return _mm_srai_epi16(a, kShift);
}
template <int kShift>
Short8 shift_left16(Short8 a) {
  return _mm_slli_epi16(a, kShift);
}
inline Short8 either(Short8 a, Short8 b) { return _mm_or_si128(a, b); }
inline Short8 is_zero16(Short8 a) { return _mm_cmpeq_epi16(a, _mm_setzero_si128()); }  // all ones where it is
inline Short8 select(Short8 mask, Short8 yes, Short8 no) {
  return _mm_or_si128(_mm_and_si128(mask, yes), _mm_andnot_si128(mask, no));
}
// Lanes 0 to 3 (low) or 4 to 7 (high) of `a` and `b` in turn.
inline Short8 interleave_low(Short8 a, Short8 b) { return _mm_unpacklo_epi16(a, b); }
inline Short8 interleave_high(Short8 a, Short8 b) { return _mm_unpackhi_epi16(a, b); }
// a[2i] * b[2i] + a[2i + 1] * b[2i + 1]
inline Int4 multiply_add_pairs(Short8 a, Short8 b) { return _mm_madd_epi16(a, b); }
inline Int4 add32(Int4 a, Int4 b) { return _mm_add_epi32(a, b); }  // wraps
inline Int4 subtract32(Int4 a, Int4 b) { return _mm_sub_epi32(a, b); }
template <int kShift>
Int4 shift_right32(Int4 a) {
  return _mm_srai_epi32(a, kShift);
}
inline Short8 pack(Int4 low, Int4 high) { return _mm_packs_epi32(low, high); }  // saturates

inline void transpose(Short8 (&x)[8]) {
  __m128i a[8];
  __m128i b[8];
  for (int i = 0; i < 4; ++i) {
    a[2 * i] = _mm_unpacklo_epi16(x[2 * i], x[2 * i + 1]);
    a[2 * i + 1] = _mm_unpackhi_epi16(x[2 * i], x[2 * i + 1]);
  }
  for (int i = 0; i < 2; ++i) {
    b[4 * i] = _mm_unpacklo_epi32(a[4 * i], a[4 * i + 2]);
    b[4 * i + 1] = _mm_unpackhi_epi32(a[4 * i], a[4 * i + 2]);
    b[4 * i + 2] = _mm_unpacklo_epi32(a[4 * i + 1], a[4 * i + 3]);
    b[4 * i + 3] = _mm_unpackhi_epi32(a[4 * i + 1], a[4 * i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    x[2 * i] = _mm_unpacklo_epi64(b[i], b[i + 4]);
    x[2 * i + 1] = _mm_unpackhi_epi64(b[i], b[i + 4]);
  }
}

#else

using Short8 = std::array<std::int16_t, 8>;
using Int4 = std::array<std::int32_t, 4>;

template <class Result, class Function>
Result each(Function function) {
  Result result{};
  for (std::size_t i = 0; i < result.size(); ++i) {
    result[i] = static_cast<typename Result::value_type>(function(i));
  }
  return result;
}

inline Short8 load(const std::int16_t* from) {
  Short8 v;
  std::memcpy(v.data(), from, sizeof v);
  return v;
}
inline void store(std::int16_t* to, Short8 v) { std::memcpy(to, v.data(), sizeof v); }
inline Int4 load(const std::int32_t* from) {
  Int4 v;
  std::memcpy(v.data(), from, sizeof v);
  return v;
}
inline Short8 broadcast(std::int16_t value) {
  return each<Short8>([&](std::size_t) { return value; });
}
inline Short8 add16(Short8 a, Short8 b) {
  return each<Short8>([&](std::size_t i) { return a[i] + b[i]; });
}
inline Short8 subtract16(Short8 a, Short8 b) {
  return each<Short8>([&](std::size_t i) { return a[i] - b[i]; });
}
inline Short8 multiply_high(Short8 a, Short8 b) {
  return each<Short8>([&](std::size_t i) { return (a[i] * b[i]) >> 16; });
}
template <int kShift>
Short8 shift_right16(Short8 a) {
  return each<Short8>([&](std::size_t i) { return a[i] >> kShift; });
}
template <int kShift>
Short8 shift_left16(Short8 a) {
  return each<Short8>([&](std::size_t i) { return a[i] * (1 << kShift); });
}
inline Short8 either(Short8 a, Short8 b) {
  return each<Short8>([&](std::size_t i) { return a[i] | b[i]; });
}
inline Short8 is_zero16(Short8 a) {
  return each<Short8>([&](std::size_t i) { return a[i] == 0 ? -1 : 0; });
}
inline Short8 select(Short8 mask, Short8 yes, Short8 no) {
  return each<Short8>([&](std::size_t i) { return mask[i] != 0 ? yes[i] : no[i]; });
}
inline Short8 interleave_low(Short8 a, Short8 b) {
  return each<Short8>([&](std::size_t i) { return i % 2 == 0 ? a[i / 2] : b[i / 2]; });
}
inline Short8 interleave_high(Short8 a, Short8 b) {
  return each<Short8>([&](std::size_t i) { return i % 2 == 0 ? a[4 + i / 2] : b[4 + i / 2]; });
}
inline std::int32_t wrapped(std::int64_t value) { return static_cast<std::int32_t>(value); }
inline Int4 multiply_add_pairs(Short8 a, Short8 b) {
  return each<Int4>([&](std::size_t i) {
    return wrapped(std::int64_t{a[2 * i]} * b[2 * i] + std::int64_t{a[2 * i + 1]} * b[2 * i + 1]);
  });
}
inline Int4 add32(Int4 a, Int4 b) {
  return each<Int4>([&](std::size_t i) { return wrapped(std::int64_t{a[i]} + b[i]); });
}
inline Int4 subtract32(Int4 a, Int4 b) {
  return each<Int4>([&](std::size_t i) { return wrapped(std::int64_t{a[i]} - b[i]); });
}
template <int kShift>
Int4 shift_right32(Int4 a) {
  return each<Int4>([&](std::size_t i) { return a[i] >> kShift; });
}
inline Short8 pack(Int4 low, Int4 high) {
  return each<Short8>([&](std::size_t i) { return std::clamp(i < 4 ? low[i] : high[i - 4], -32768, 32767); });
}
inline void transpose(Short8 (&x)[8]) {
  for (std::size_t i = 0; i < 8; ++i) {
    for (std::size_t j = 0; j < i; ++j) std::swap(x[i][j], x[j][i]);
  }
}

#endif

}  // namespace videotx::mpeg4
