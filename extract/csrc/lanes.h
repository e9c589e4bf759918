// Eight values side by side: arithmetic that compilers turn into one instruction where there is one, and into several
// where there is not, to the same results.
#pragma once

#include <cstddef>
#include <cstdint>

#define VIDEOTX_INLINE inline __attribute__((always_inline))

// Lanes never cross a call that is not inlined, so how they would be passed does not matter.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace videotx {

inline constexpr std::size_t kLanes = 8;

using Lanes = std::int32_t __attribute__((vector_size(4 * kLanes)));
using FloatLanes = float __attribute__((vector_size(4 * kLanes)));
using ShortLanes = std::int16_t __attribute__((vector_size(2 * kLanes)));
using UnsignedShortLanes = std::uint16_t __attribute__((vector_size(2 * kLanes)));
using ByteLanes = std::uint8_t __attribute__((vector_size(kLanes)));

// Compilers do these by way of 16 bits better than at once.
VIDEOTX_INLINE Lanes widened(ByteLanes value) {
  return __builtin_convertvector(__builtin_convertvector(value, UnsignedShortLanes), Lanes);
}

VIDEOTX_INLINE ByteLanes narrowed(Lanes value) {
  return __builtin_convertvector(__builtin_convertvector(value, UnsignedShortLanes), ByteLanes);
}

// To the nearest byte. Truncation rounds what is positive; what is not is cut off.
VIDEOTX_INLINE Lanes rounded_to_byte(FloatLanes value) {
  Lanes whole = __builtin_convertvector(value + 0.5F, Lanes);
  whole = whole > 0 ? whole : Lanes{};
  return whole < 255 ? whole : Lanes{} + 255;
}

}  // namespace videotx
