// Entropy decoding of one scan (ITU-T T.81, annex F.2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "jpeg_header.h"

namespace videotx {

// Zigzag order (T.81 figure A.6): the place, row by row, of coefficient k.
inline constexpr std::array<std::uint8_t, 64> kPlace = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

// A block has at most 64 codes of 16 bits and as many values of 15. So many bytes must follow the one that `Bits::next`
// points to when a block begins.
inline constexpr std::size_t kMostBlockBytes = 256 + 16;

// The scan, without stuffed bytes, as a string of bits. `refill` makes at least 56 of them ready; a step that is looked
// up uses 11 at most and any other one refills by itself, so that three steps need one `refill`.
struct Bits {
  const std::uint8_t* next;
  std::uint64_t word = 0;
  int count = 0;
};

inline void refill(Bits& bits) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    word = word << 8 | bits.next[i];
  }
  bits.word |= word >> bits.count;
  bits.next += (63 - bits.count) >> 3;
  bits.count |= 56;
}

inline std::size_t peek(const Bits& bits, int count) { return static_cast<std::size_t>(bits.word >> (64 - count)); }

inline void drop(Bits& bits, int count) {
  bits.word <<= count;
  bits.count -= count;
}

struct LongStep {
  Bits bits;
  HuffmanStep step;
};

// A step whose code is longer than the look-ahead, or whose code and value are; `looked_up` says which. Takes and gives
// the bits by value, so that the loops that call this keep them in registers. Throws JpegError.
LongStep long_step(Bits bits, const HuffmanTable& table, HuffmanStep looked_up, bool is_ac);

inline __attribute__((always_inline)) HuffmanStep take_step(Bits& bits, const HuffmanTable& table, bool is_ac) {
  const HuffmanStep found = table.steps[peek(bits, kLookAhead)];
  if (found.length > 0) [[likely]] {
    drop(bits, found.length);
    return found;
  }
  const LongStep slow = long_step(bits, table, found, is_ac);
  bits.next = slow.bits.next;
  bits.word = slow.bits.word;
  bits.count = slow.bits.count;
  return slow.step;
}

// The AC coefficients of a block, dequantised and put in place when `kKeep`. Returns the index of the last one. Inlined
// always: as a call it would keep the bits in memory.
template <bool kKeep>
inline __attribute__((always_inline)) std::size_t take_coefficients(Bits& bits, const HuffmanTable& table,
                                                                    const std::array<std::int16_t, 64>& quantiser,
                                                                    std::int32_t* block) {
  std::size_t k = 0;
  std::size_t last = 0;
  for (;;) {
    refill(bits);
    for (int i = 0; i < 3; ++i) {
      const HuffmanStep found = take_step(bits, table, true);
      k += found.skip + std::size_t{1};
      if (k >= 63) [[unlikely]] {
        if (k == 63 && kKeep) {
          block[63] = found.value * quantiser[63];
          last = 63;
        } else if (k > 63 && found.skip != kEndOfBlock) {
          throw JpegError("a block of more than 64 coefficients");
        }
        return last;
      }
      if constexpr (kKeep) {
        block[kPlace[k]] = found.value * quantiser[k];
        last = k;
      }
    }
  }
}

}  // namespace videotx
