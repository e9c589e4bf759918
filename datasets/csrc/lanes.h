// Eight numbers side by side: arithmetic that compilers turn into one instruction where there is one, and into several where
// there is not.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "clones.h"

// Lanes never cross a call that is not inlined, so how they would be passed does not matter.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace videotx {

inline constexpr std::size_t kLanes = 8;

// Number of whole lanes that hold so many numbers, times kLanes.
constexpr std::size_t whole_lanes(std::size_t count) { return (count + kLanes - 1) / kLanes * kLanes; }

using Lanes = float __attribute__((vector_size(4 * kLanes)));
using IntLanes = std::int32_t __attribute__((vector_size(4 * kLanes)));
using ShortLanes = std::int16_t __attribute__((vector_size(2 * kLanes)));
using ByteLanes = std::int8_t __attribute__((vector_size(kLanes)));
using Four = float __attribute__((vector_size(16)));

template <typename Vector, typename Number>
VIDEOTX_INLINE Vector load_lanes(const Number* from) {
  Vector out;
  std::memcpy(&out, from, sizeof(out));
  return out;
}

template <typename Vector, typename Number>
VIDEOTX_INLINE void store_lanes(Number* to, Vector value) {
  std::memcpy(to, &value, sizeof(value));
}

// Indices to load from. They go through memory: compilers would take them out of the register one by one, at two or three
// instructions each, where a load is one.
class Indices {
 public:
  VIDEOTX_INLINE explicit Indices(IntLanes from) {
    store_lanes(values_.data(), from);
    __asm__("" : "+m"(values_));
  }
  VIDEOTX_INLINE std::uint32_t operator[](std::size_t lane) const { return values_[lane]; }

 private:
  std::array<std::uint32_t, kLanes> values_;
};

VIDEOTX_INLINE IntLanes whole_of(Lanes value) { return __builtin_convertvector(value, IntLanes); }
VIDEOTX_INLINE Lanes float_of(IntLanes value) { return __builtin_convertvector(value, Lanes); }

// The value where the mask is set, 0 elsewhere: cheaper than a choice.
VIDEOTX_INLINE Lanes masked(IntLanes mask, Lanes value) { return (Lanes)((IntLanes)value & mask); }

VIDEOTX_INLINE Lanes magnitude_of(Lanes value) { return (Lanes)((IntLanes)value & 0x7FFFFFFF); }

VIDEOTX_INLINE bool any_of(IntLanes mask) {
  using Halves = std::int64_t __attribute__((vector_size(sizeof(mask))));
  const auto halves = (Halves)mask;
  return ((halves[0] | halves[1]) | (halves[2] | halves[3])) != 0;
}

VIDEOTX_INLINE IntLanes within(IntLanes value, std::int32_t most) {
  const IntLanes none = {}, limit = none + most;
  const IntLanes positive = value > none ? value : none;
  return positive < limit ? positive : limit;
}

// Four numbers of eight cells, number by number.
struct FourLanes {
  Lanes first, second, third, fourth;
};

// Those at the places base + offset[lane]: one load a cell, where gathering would take one a number.
template <typename Offset>
VIDEOTX_INLINE FourLanes load_fours(const float* base, const Offset& offset) {
  const auto two = [&](std::size_t lane) __attribute__((always_inline)) {
    const Four low = load_lanes<Four>(base + offset[lane]), high = load_lanes<Four>(base + offset[lane + 4]);
    return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7);
  };
  const Lanes a = two(0), b = two(1), c = two(2), d = two(3);
  const Lanes ab = __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13);
  const Lanes cd = __builtin_shufflevector(c, d, 0, 8, 1, 9, 4, 12, 5, 13);
  const Lanes ab_last = __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15);
  const Lanes cd_last = __builtin_shufflevector(c, d, 2, 10, 3, 11, 6, 14, 7, 15);
  return {__builtin_shufflevector(ab, cd, 0, 1, 8, 9, 4, 5, 12, 13),
          __builtin_shufflevector(ab, cd, 2, 3, 10, 11, 6, 7, 14, 15),
          __builtin_shufflevector(ab_last, cd_last, 0, 1, 8, 9, 4, 5, 12, 13),
          __builtin_shufflevector(ab_last, cd_last, 2, 3, 10, 11, 6, 7, 14, 15)};
}

// Cell by cell from `to` on.
VIDEOTX_INLINE void store_fours(float* to, const FourLanes& value) {
  const Lanes low = __builtin_shufflevector(value.first, value.second, 0, 8, 1, 9, 4, 12, 5, 13);
  const Lanes high = __builtin_shufflevector(value.first, value.second, 2, 10, 3, 11, 6, 14, 7, 15);
  const Lanes low_last = __builtin_shufflevector(value.third, value.fourth, 0, 8, 1, 9, 4, 12, 5, 13);
  const Lanes high_last = __builtin_shufflevector(value.third, value.fourth, 2, 10, 3, 11, 6, 14, 7, 15);
  const auto two = [&](std::size_t lane, Lanes cells) __attribute__((always_inline)) {
    store_lanes(to + 4 * lane, __builtin_shufflevector(cells, cells, 0, 1, 2, 3));
    store_lanes(to + 4 * (lane + 4), __builtin_shufflevector(cells, cells, 4, 5, 6, 7));
  };
  two(0, __builtin_shufflevector(low, low_last, 0, 1, 8, 9, 4, 5, 12, 13));
  two(1, __builtin_shufflevector(low, low_last, 2, 3, 10, 11, 6, 7, 14, 15));
  two(2, __builtin_shufflevector(high, high_last, 0, 1, 8, 9, 4, 5, 12, 13));
  two(3, __builtin_shufflevector(high, high_last, 2, 3, 10, 11, 6, 7, 14, 15));
}

}  // namespace videotx
