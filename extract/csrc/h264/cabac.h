// The arithmetic decoding engine and its context variables (clauses 9.3.1 and 9.3.3.2).
//
// The engine keeps codIOffset at the top of a 64-bit window, one bit below the sign, and bits not yet needed under it,
// so that renormalisation is a shift and memory is touched once in about 48 bits. Which of the two symbols came is turned
// into a mask rather than a branch: it is unpredictable by design.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "h264/bit_reader.h"
#include "h264/cabac_tables.h"

namespace videotx::h264 {

// pStateIdx << 1 | valMPS.
using ContextState = std::uint8_t;

namespace detail {

// All that a decision needs of its state, in eight bytes.
struct alignas(8) Transition {
  std::uint8_t range_lps[4];
  ContextState next[2];  // after the most probable symbol, after the other one
};

struct Transitions {
  std::array<Transition, 128> table{};
  constexpr Transitions() {
    for (unsigned s = 0; s < 64; ++s) {
      for (unsigned mps = 0; mps < 2; ++mps) {
        Transition& t = table[s << 1 | mps];
        for (unsigned q = 0; q < 4; ++q) t.range_lps[q] = kRangeLps[s][q];
        const unsigned up = s < 62 ? s + 1 : s;
        const unsigned flipped = s == 0 ? 1 - mps : mps;
        t.next[0] = static_cast<ContextState>(up << 1 | mps);
        t.next[1] = static_cast<ContextState>(kNextStateLps[s] << 1U | flipped);
      }
    }
  }
};
inline constexpr Transitions kTransitions;

}  // namespace detail

class CabacEngine {
 public:
  CabacEngine() = default;
  // Starts at a byte of the payload, which is followed by kPadding readable bytes.
  CabacEngine(const std::uint8_t* data, std::size_t num_bytes, std::size_t first_byte)
      : data_(data), limit_(num_bytes + kPadding - sizeof(std::uint64_t)), next_(first_byte) {
    value_ = load() >> 8 << 7;
    next_ += 7;
    spare_ = 56 - 9;
  }

  bool decode(ContextState& state) {
    const detail::Transition& transition = detail::kTransitions.table[state];
    const std::uint32_t range_lps = transition.range_lps[range_ >> 6 & 3];
    const std::uint32_t range_mps = range_ - range_lps;
    const std::uint64_t scaled = std::uint64_t{range_mps} << kShift;
    const std::uint64_t difference = value_ - scaled;
    // All ones for the most probable symbol: neither value uses the sign bit, so a borrow shows there.
    const std::int64_t mps = static_cast<std::int64_t>(difference) >> 63;
    value_ = difference + (scaled & static_cast<std::uint64_t>(mps));
    range_ = range_lps + ((range_mps - range_lps) & static_cast<std::uint32_t>(mps));
    const bool bin = ((state ^ ~mps) & 1) != 0;
    state = transition.next[mps + 1];
    renormalise();
    return bin;
  }

  bool bypass() {
    consume(1);
    const std::uint64_t scaled = std::uint64_t{range_} << kShift;
    const std::uint64_t one = static_cast<std::uint64_t>(value_ >= scaled);
    value_ -= scaled & (0 - one);
    return one != 0;
  }

  bool terminate() {
    range_ -= 2;
    if (value_ >= std::uint64_t{range_} << kShift) return true;
    renormalise();
    return false;
  }

  // Bits read so far, counted from the start of the payload. After terminate() returned true, the last one of them is the
  // last one that belongs to the engine: rbsp_stop_one_bit at the end of a slice.
  [[nodiscard]] std::size_t position() const { return next_ * 8 - static_cast<std::size_t>(spare_); }

 private:
  static constexpr int kShift = 54;

  [[nodiscard]] std::uint64_t load() const { return next_ <= limit_ ? load_big_endian64(data_ + next_) : 0; }
  void renormalise() {
    // The range is never zero, which spares the check of std::countl_zero.
    const int shift = 8 - (__builtin_clz(range_) ^ 31);
    range_ <<= shift;
    consume(shift);
  }
  void consume(int bits) {
    value_ <<= bits;
    spare_ -= bits;
    if (spare_ < 0) refill();
  }
  void refill() {
    value_ |= (load() >> 16) << (6 - spare_);
    next_ += 6;
    spare_ += 48;
  }

  std::uint64_t value_ = 0;
  std::uint32_t range_ = 510;
  int spare_ = 0;
  const std::uint8_t* data_ = nullptr;
  std::size_t limit_ = 0;  // last offset at which eight bytes can be loaded
  std::size_t next_ = 0;
};

// Clause 9.3.1.1. `table` is 0 for I slices and 1 + cabac_init_idc for others; the last contexts serve 4:4:4 only.
void initialise_contexts(std::array<ContextState, kNumContexts>& contexts, unsigned table, int slice_qp);

}  // namespace videotx::h264
