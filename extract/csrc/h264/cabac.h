// The arithmetic decoding engine and its context variables (clauses 9.3.1 and 9.3.3.2).
//
// Decoding is one long chain of dependent operations, so the engine is laid out to keep that chain short. codIRange and
// codIOffset lie at the top of 64-bit words, one bit below the sign, with bits not yet needed under codIOffset, so that
// memory is touched once in about 48 bits. The four values of rangeTabLPS of a state sit in one word, from which the range
// picks its own. Which of the two symbols came selects values rather than a branch: it is unpredictable by design.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "h264/bit_reader.h"
#include "h264/cabac_tables.h"

namespace videotx::h264 {

// pStateIdx << 1, and in the last bit the least probable symbol.
using ContextState = std::uint8_t;

namespace detail {

inline constexpr int kRangeShift = 54;

// All that a decision needs of its state.
struct alignas(16) Transition {
  // rangeTabLPS by qCodIRangeIdx, 16 bits each from the top, in place for a range.
  std::uint64_t range_lps;
  ContextState next[2];  // after the most probable symbol, after the other one
};

struct Transitions {
  std::array<Transition, 128> table{};
  constexpr Transitions() {
    for (unsigned s = 0; s < 64; ++s) {
      for (unsigned lps = 0; lps < 2; ++lps) {
        Transition& t = table[s << 1 | lps];
        for (unsigned q = 0; q < 4; ++q) {
          t.range_lps |= std::uint64_t{kRangeLps[s][q]} << kRangeShift >> 16 * q;
        }
        const unsigned up = s < 62 ? s + 1 : s;
        const unsigned flipped = s == 0 ? 1 - lps : lps;
        t.next[0] = static_cast<ContextState>(up << 1 | lps);
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

  [[gnu::always_inline]] bool decode(ContextState& state) {
    const detail::Transition& transition = detail::kTransitions.table[state];
    const std::uint64_t lps = transition.range_lps << (range_ >> (kShift + 2) & 48) & std::uint64_t{255} << kShift;
    const std::uint64_t mps = range_ - lps;
    const std::uint64_t difference = value_ - mps;
    // All ones for the most probable symbol: neither value uses the sign bit, so a borrow shows there.
    const auto is_mps = static_cast<std::uint64_t>(static_cast<std::int64_t>(difference) >> 63);
    value_ = difference + (mps & is_mps);
    range_ = lps + ((mps - lps) & is_mps);
    const bool bin = ((state ^ is_mps) & 1) != 0;
    state = transition.next[is_mps + 1];
    renormalise();
    return bin;
  }

  [[gnu::always_inline]] bool bypass() {
    consume(1);
    const std::uint64_t difference = value_ - range_;
    const auto is_zero = static_cast<std::uint64_t>(static_cast<std::int64_t>(difference) >> 63);
    value_ = difference + (range_ & is_zero);
    return is_zero == 0;
  }

  bool terminate() {
    range_ -= std::uint64_t{2} << kShift;
    if (value_ >= range_) return true;
    renormalise();
    return false;
  }

  // Bits read so far, counted from the start of the payload. After terminate() returned true, the last one of them is the
  // last one that belongs to the engine: rbsp_stop_one_bit at the end of a slice.
  [[nodiscard]] std::size_t position() const { return next_ * 8 - static_cast<std::size_t>(spare_); }

 private:
  static constexpr int kShift = detail::kRangeShift;

  [[nodiscard]] std::uint64_t load() const { return next_ <= limit_ ? load_big_endian64(data_ + next_) : 0; }
  void renormalise() {
    // The range is never zero, which spares the check of std::countl_zero.
    const int shift = __builtin_clzll(range_) - 1;
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
  std::uint64_t range_ = std::uint64_t{510} << kShift;
  int spare_ = 0;
  const std::uint8_t* data_ = nullptr;
  std::size_t limit_ = 0;  // last offset at which eight bytes can be loaded
  std::size_t next_ = 0;
};

// Clause 9.3.1.1. `table` is 0 for I slices and 1 + cabac_init_idc for others; the last contexts serve 4:4:4 only.
void initialise_contexts(std::array<ContextState, kNumContexts>& contexts, unsigned table, int slice_qp);

}  // namespace videotx::h264
