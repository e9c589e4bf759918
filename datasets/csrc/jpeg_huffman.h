// Huffman tables of a scan, and what the next bits of it mean, looked up (ITU-T T.81, annexes C and F.2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace videotx {

// Bits that one look-up sees, and the most that it may use. What larger tables of AC coefficients save in long codes they
// lose where they are not in the cache yet.
inline constexpr int kDcLookAhead = 9;
inline constexpr int kAcLookAhead = 12;
inline constexpr int kMostDcBits = 20;
inline constexpr int kMostSkippedBits = 18;

inline constexpr int kEndOfBlock = 128;  // added to `advance`

// Codes by their length, for those that a look-up does not tell.
struct HuffmanCodes {
  std::array<std::uint8_t, 16> counts{};
  std::array<std::uint8_t, 256> symbols{};
  std::array<std::int32_t, 18> first_beyond{};  // by code length: the first 16-bit string too large for it
  std::array<std::int32_t, 18> offset{};        // by code length: index of a code in `symbols`, less the code
};

// The next bits of a scan as a DC difference.
struct DcStep {
  std::uint8_t code = 0;    // bits of the code; 0: it is longer than the look-up
  std::uint8_t size = 0;    // bits of the value behind it
  std::uint8_t length = 0;  // of both
};

// The next bits of a scan as one AC coefficient or two, and whether the block ends behind them. Where there is no second
// one it is a zero behind the first, and where there is none at all both are. A coefficient that the look-up does not
// hold whole is not told: `first` is then the bits of its value, and `second` those of its code, or 0.
struct alignas(8) AcStep {
  std::int16_t first = 0;
  std::int16_t second = 0;
  std::uint8_t first_at = 1;  // how far beyond the last coefficient
  std::uint8_t second_at = 1;
  std::uint8_t advance = 0;  // how far beyond the last coefficient the new last one is; with kEndOfBlock added
};

// The next bits of a scan as some AC coefficients that nobody wants to know.
struct SkippedStep {
  std::uint8_t length = 0;  // bits used; 0: the code is longer than the look-up
  std::uint8_t advance = 0;
};

// A code by itself; of no bits where there is none.
struct HuffmanCode {
  std::uint32_t bits = 0;
  int length = 0;
};

struct DcTable {
  std::array<DcStep, std::size_t{1} << kDcLookAhead> steps{};
  HuffmanCodes codes;
  HuffmanCode same;  // no difference
  bool defined = false;
};

// Where the next look-up is depends on the lengths alone: they are apart, so that they stay in the first-level cache.
struct AcTable {
  std::array<std::uint8_t, std::size_t{1} << kAcLookAhead> lengths{};  // bits used; 0: not told
  std::array<AcStep, std::size_t{1} << kAcLookAhead> steps{};
  std::array<SkippedStep, std::size_t{1} << kAcLookAhead> skipped{};
  HuffmanCodes codes;
  HuffmanCode end;  // of a block
  bool defined = false;
};

// Fill a table from the part of a segment that describes it; returns how long that is. A table that is the same already
// stays as it is. Throws JpegError.
std::size_t read_table(std::span<const std::uint8_t> body, DcTable& table);
std::size_t read_table(std::span<const std::uint8_t> body, AcTable& table);

}  // namespace videotx
