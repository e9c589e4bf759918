// Variable length codes by table lookup: a code's symbol stands at every index that begins with the code.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "mpeg4/bit_reader.h"

namespace videotx::mpeg4 {

struct Code {
  std::uint16_t bits;
  std::uint8_t length;
};

// Codes of at most `kBits` bits whose symbol is their place in the list.
template <int kBits>
class Vlc {
 public:
  explicit Vlc(std::span<const Code> codes) {
    for (std::size_t symbol = 0; symbol < codes.size(); ++symbol) {
      const auto [bits, length] = codes[symbol];
      if (length == 0) continue;
      const std::size_t first = std::size_t{bits} << (kBits - length);
      for (std::size_t i = 0; i < std::size_t{1} << (kBits - length); ++i) {
        entries_[first + i] = {static_cast<std::int8_t>(symbol), static_cast<std::int8_t>(length)};
      }
    }
  }

  struct Entry {
    std::int8_t symbol = -1;
    std::int8_t length = 0;
  };

  [[nodiscard]] Entry find(std::uint32_t next32) const { return entries_[next32 >> (32 - kBits)]; }

  // The symbol, or -1 (nothing consumed) where no code fits. `Bits` is BitReader or Window.
  template <class Bits>
  int read(Bits& reader) const {
    const Entry entry = find(reader.peek32());
    reader.skip(static_cast<std::size_t>(entry.length));
    return entry.symbol;
  }

 private:
  std::array<Entry, std::size_t{1} << kBits> entries_{};
};

// A coefficient event of Tables B-16, B-17 and B-23. Level 0 is the escape code, length 0 no code at all; `length` is with
// the sign bit that follows every other code.
struct CoefficientEvent {
  int length = 0;
  int run = 0;
  int level = 0;
  bool last = false;
};

// Coefficient codes with what the escape modes need: the largest level of each run, the largest run of each level.
class CoefficientTable {
 public:
  static constexpr int kMaxBits = 15;
  static constexpr int kMaxLength = kMaxBits + 1;  // with the sign

  // `codes` are ordered by last, run and level; `max_level[last]` lists the number of levels for each run; the escape
  // code comes at the end. No code is longer than `bits`.
  CoefficientTable(int bits, std::span<const Code> codes, std::span<const std::uint8_t> max_level_not_last,
                   std::span<const std::uint8_t> max_level_last);
  CoefficientTable(const CoefficientTable&) = delete;
  CoefficientTable& operator=(const CoefficientTable&) = delete;

  // The event at the beginning of `next`, whose first bit is the highest.
  [[nodiscard]] CoefficientEvent find(std::uint64_t next) const {
    const std::uint32_t packed = events_[next >> shift_];
    return {static_cast<int>(packed & 255), static_cast<int>(packed >> 8 & 255), static_cast<int>(packed >> 16 & 255),
            packed >> 24 != 0};
  }
  [[nodiscard]] int max_level(bool last, int run) const { return max_level_[last][static_cast<std::size_t>(run)]; }
  [[nodiscard]] int max_run(bool last, int level) const { return max_run_[last][static_cast<std::size_t>(level)]; }

 private:
  void add(Code code, const CoefficientEvent& event);

  int shift_;
  std::array<std::array<std::uint8_t, 64>, 2> max_level_{};
  std::array<std::array<std::uint8_t, 64>, 2> max_run_{};
  // Length, run, level and last in a byte each, the first lowest: in memory they would be read one by one.
  std::array<std::uint32_t, std::size_t{1} << kMaxBits> events_{};
};

}  // namespace videotx::mpeg4
