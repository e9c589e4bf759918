// Entropy decoding of one scan (ITU-T T.81, annex F.2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "clones.h"
#include "jpeg_huffman.h"
#include "jpeg_transform.h"

namespace videotx {

// A block has at most 64 codes of 16 bits and as many values of 15, and bits are looked at before they are taken, those of
// the next block too. So many bytes must follow the one that `Bits::next` points to when a block begins.
inline constexpr std::size_t kMostBlockBytes = 256 + 32;

// The place in a Block of coefficient k in zigzag order (T.81 figure A.6). Damaged data may give any k up to 62 + 32.
inline constexpr std::array<std::uint8_t, 96> kPlace = [] {
  std::array<std::uint8_t, 96> places{};
  places.fill(64);
  std::size_t k = 0;
  for (std::size_t diagonal = 0; diagonal < 15; ++diagonal) {
    for (std::size_t i = 0; i <= diagonal; ++i) {
      const std::size_t row = diagonal % 2 == 0 ? diagonal - i : i;
      const std::size_t column = diagonal - row;
      if (row < 8 && column < 8) {
        places[k++] = static_cast<std::uint8_t>(place_in_block(row, column));
      }
    }
  }
  return places;
}();

// The scan, without stuffed bytes, as a string of bits. `refill` makes at least 56 of them ready.
struct Bits {
  const std::uint8_t* next;
  std::uint64_t word = 0;
  int count = 0;
};

VIDEOTX_INLINE void refill(Bits& bits) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    word = word << 8 | bits.next[i];
  }
  bits.word |= word >> bits.count;
  bits.next += (63 - bits.count) >> 3;
  bits.count |= 56;
}

VIDEOTX_INLINE std::size_t peek(const Bits& bits, int count) {
  return static_cast<std::size_t>(bits.word >> (64 - count));
}

VIDEOTX_INLINE void drop(Bits& bits, int count) {
  bits.word <<= count;
  bits.count -= count;
}

// T.81 F.1.2.1, table F.1: the value of `size` bits, which are those behind the first `skipped` ones.
VIDEOTX_INLINE int value_at(const Bits& bits, int skipped, int size) {
  const auto raw = static_cast<int>(bits.word << skipped >> 1 >> (63 - size));
  const int range = 1 << size;
  return raw < range >> 1 ? raw - range + 1 : raw;
}

// What follows takes and gives the bits by value, so that the loops that call it keep them in registers. They are
// refilled first. Throws JpegError.
struct LongDifference {
  Bits bits;
  int value;
};
LongDifference take_long_difference(Bits bits, const HuffmanCodes& codes);

// The AC coefficients of a block behind `k`, one symbol after another: one alone, or all. `k` becomes that of the last
// one. They are put in place where there is a block.
struct AcState {
  Bits bits;
  std::size_t k;
  bool ended;
};
AcState take_symbol(Bits bits, const HuffmanCodes& codes, std::size_t k, std::int16_t* block);
AcState take_rest(Bits bits, const HuffmanCodes& codes, std::size_t k, std::int16_t* block);

// The difference of a block's DC coefficient to the last one of its component.
VIDEOTX_INLINE int take_difference(Bits& bits, const DcTable& table) {
  refill(bits);
  const DcStep step = table.steps[peek(bits, kDcLookAhead)];
  if (step.code == 0) [[unlikely]] {
    const LongDifference found = take_long_difference(bits, table.codes);
    bits = found.bits;
    return found.value;
  }
  const int value = value_at(bits, step.code, step.size);
  drop(bits, step.length);
  return value;
}

// What to do when the last of several coefficients that were looked up is the last of a block: `next` is its index, with
// kEndOfBlock where the block ended by a code. Otherwise some of what was looked up may be of the next block.
VIDEOTX_INLINE std::size_t end_block(Bits& bits, int length, const AcTable& table, std::size_t k,
                                     std::size_t next, std::int16_t* block) {
  const std::size_t last = next - kEndOfBlock;
  if (last < 63) [[likely]] {
    drop(bits, length);
    return last;
  }
  const AcState state = take_rest(bits, table.codes, k, block);
  bits = state.bits;
  return state.k;
}

// The AC coefficients of a block, put in place. Returns the index of the last one. Inlined always: as a call it would keep
// the bits in memory.
VIDEOTX_INLINE std::size_t take_coefficients(Bits& bits, const AcTable& table,
                                             std::int16_t* block) {
  constexpr int kStepsPerRefill = 56 / kAcLookAhead;
  std::size_t k = 0;
  for (;;) {
    refill(bits);
    for (int i = 0; i < kStepsPerRefill; ++i) {
      const std::size_t bits_ahead = peek(bits, kAcLookAhead);
      const int length = table.lengths[bits_ahead];
      const AcStep& step = table.steps[bits_ahead];
      if (length == 0) [[unlikely]] {
        const std::size_t at = k + step.first_at;
        if (step.second == 0 || at >= 63) {
          const AcState state = take_symbol(bits, table.codes, k, block);
          bits = state.bits;
          k = state.k;
          if (state.ended) {
            return k;
          }
        } else {
          refill(bits);
          block[kPlace[at]] = static_cast<std::int16_t>(value_at(bits, step.second, step.first));
          drop(bits, step.second + step.first);
          k = at;
        }
        break;
      }
      block[kPlace[k + step.first_at]] = step.first;
      block[kPlace[k + step.second_at]] = step.second;
      const std::size_t next = k + step.advance;
      if (next >= 63) {
        return end_block(bits, length, table, k, next, block);
      }
      drop(bits, length);
      k = next;
    }
  }
}

VIDEOTX_INLINE void skip_coefficients(Bits& bits, const AcTable& table) {
  constexpr int kStepsPerRefill = 56 / kMostSkippedBits;
  std::size_t k = 0;
  for (;;) {
    refill(bits);
    for (int i = 0; i < kStepsPerRefill; ++i) {
      const SkippedStep step = table.skipped[peek(bits, kAcLookAhead)];
      if (step.length == 0) [[unlikely]] {
        const AcState state = take_symbol(bits, table.codes, k, nullptr);
        bits = state.bits;
        k = state.k;
        if (state.ended) {
          return;
        }
        break;
      }
      const std::size_t next = k + step.advance;
      if (next >= 63) {
        (void)end_block(bits, step.length, table, k, next, nullptr);
        return;
      }
      drop(bits, step.length);
      k = next;
    }
  }
}

}  // namespace videotx
