#include "h264/cavlc_syntax.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "h264/cavlc_tables.h"

namespace videotx::h264 {
namespace {

struct Decoded {
  std::uint8_t length = 0;  // 0: no such code
  std::uint8_t value = 0;
};

// A prefix code found by the bits ahead themselves.
template <unsigned Bits>
struct DirectTable {
  std::array<Decoded, std::size_t{1} << Bits> entries{};

  constexpr void add(Code code, std::size_t value) {
    if (code.length == 0) return;
    const std::size_t first = std::size_t{code.word} << (Bits - code.length);
    for (std::size_t i = 0; i < std::size_t{1} << (Bits - code.length); ++i) {
      entries[first + i] = {code.length, static_cast<std::uint8_t>(value)};
    }
  }
  [[nodiscard]] Decoded find(const BitReader& bits) const { return entries[bits.peek(Bits)]; }
};

// A prefix code of up to 16 bits whose words have at most four bits from their first one on: found by the number of
// leading zeros and the three bits behind that one.
struct TokenTable {
  std::array<Decoded, 17 * 8> entries{};

  constexpr void add(Code code, std::size_t value) {
    if (code.length == 0) return;
    const auto significant = static_cast<unsigned>(std::bit_width(code.word));
    const unsigned tail = significant - 1;
    const unsigned zeros = code.length - significant;
    const unsigned low = (code.word & ((1U << tail) - 1)) << (3 - tail);
    for (unsigned i = 0; i < 1U << (3 - tail); ++i) {
      entries[zeros * 8 + low + i] = {code.length, static_cast<std::uint8_t>(value)};
    }
  }
  [[nodiscard]] Decoded find(const BitReader& bits) const {
    const std::uint32_t ahead = bits.peek32();
    const auto zeros = static_cast<unsigned>(std::countl_zero(ahead | 0x8000));
    return entries[zeros * 8 + (ahead << zeros >> 28 & 7)];
  }
};

template <class Table, std::size_t N>
constexpr Table make_table(const Code (&codes)[N]) {
  Table table;
  for (std::size_t i = 0; i < N; ++i) table.add(codes[i], i);
  return table;
}

template <class Table, std::size_t N>
constexpr Table make_chroma_table(const Code (&codes)[N][4]) {
  Table table;
  for (std::size_t i = 0; i < N * 4; ++i) table.add(codes[i / 4][i % 4], i);
  return table;
}

template <class Table, std::size_t N, std::size_t M>
constexpr std::array<Table, N> make_tables(const Code (&codes)[N][M]) {
  std::array<Table, N> tables;
  for (std::size_t i = 0; i < N; ++i) tables[i] = make_table<Table>(codes[i]);
  return tables;
}

constexpr std::array<TokenTable, 3> kToken = {make_table<TokenTable>(kCoeffToken[0]), make_table<TokenTable>(kCoeffToken[1]),
                                              make_table<TokenTable>(kCoeffToken[2])};
constexpr auto kTokenMany = make_table<DirectTable<6>>(kCoeffToken[3]);
constexpr auto kTokenDc420 = make_chroma_table<DirectTable<8>>(kCoeffTokenChromaDc420);
constexpr auto kTokenDc422 = make_chroma_table<DirectTable<13>>(kCoeffTokenChromaDc422);
constexpr auto kZeros = make_tables<DirectTable<9>>(kTotalZeros);
constexpr auto kZerosDc420 = make_tables<DirectTable<3>>(kTotalZerosChromaDc420);
constexpr auto kZerosDc422 = make_tables<DirectTable<5>>(kTotalZerosChromaDc422);
constexpr auto kRun = make_tables<DirectTable<11>>(kRunBefore);

unsigned take(BitReader& bits, Decoded code) {
  if (code.length == 0) throw DamagedData("no such CAVLC code");
  bits.skip(code.length);
  return code.value;
}

// nC from the counts to the left and above, kNoCount where a block is not available (clause 9.2.1).
unsigned predicted_count(unsigned left, unsigned top) {
  const unsigned sum = left + top;
  if (sum < kNoCount) return (sum + 1) / 2;
  return sum & (kNoCount - 1);  // the one that is available, or none
}

}  // namespace

MacroblockType CavlcSyntax::mb_type(const Macroblock&, SliceType type) {
  const unsigned value = bits_.ue();
  const unsigned num_inter = type == SliceType::kI ? 0 : type == SliceType::kP ? 5 : 23;
  if (value < num_inter) return {false, value};
  if (value - num_inter > kTypeIntraPcm) throw DamagedData("mb_type out of range");
  return {true, value - num_inter};
}

unsigned CavlcSyntax::sub_mb_type(bool b_slice) {
  return b_slice ? bits_.ue_at_most(12, "sub_mb_type above 12") : bits_.ue_at_most(3, "sub_mb_type above 3");
}

unsigned CavlcSyntax::coded_block_pattern(const Macroblock& mb, bool chroma) {
  const std::size_t inter = mb.intra ? 0 : 1;
  if (chroma) return kCodedBlockPattern[inter][bits_.ue_at_most(47, "coded_block_pattern above 47")];
  return kCodedBlockPatternLumaOnly[inter][bits_.ue_at_most(15, "coded_block_pattern above 15")];
}

unsigned CavlcSyntax::ref_idx(Macroblock&, std::size_t, int, unsigned num_ref_idx) {
  if (num_ref_idx == 2) return bits_.flag() ? 0 : 1;
  return bits_.ue_at_most(num_ref_idx - 1, "ref_idx beyond the reference list");
}

MotionVector CavlcSyntax::mvd(Macroblock&, std::size_t, int, int, int, int) {
  const auto x = static_cast<std::int16_t>(bits_.se());
  const auto y = static_cast<std::int16_t>(bits_.se());
  return {x, y};
}

CavlcSyntax::Token CavlcSyntax::coeff_token(unsigned predicted) {
  Decoded code;
  if (predicted < 8) {
    code = kToken[predicted < 2 ? 0 : predicted < 4 ? 1 : 2].find(bits_);
  } else {
    code = kTokenMany.find(bits_);
  }
  const unsigned value = take(bits_, code);
  return {value / 4, value % 4};
}

CavlcSyntax::Token CavlcSyntax::coeff_token_chroma_dc(unsigned num_coefficients) {
  const unsigned value = take(bits_, num_coefficients == 4 ? kTokenDc420.find(bits_) : kTokenDc422.find(bits_));
  return {value / 4, value % 4};
}

std::int32_t CavlcSyntax::level(unsigned& suffix_length, bool first_after_few_ones) {  // clause 9.2.2.1
  const std::uint32_t ahead = bits_.peek32();
  const auto prefix = static_cast<unsigned>(std::countl_zero(ahead));
  if (prefix > 25) throw DamagedData("level_prefix out of range");
  bits_.skip(prefix + 1);
  std::uint32_t code = std::min(15U, prefix) << suffix_length;
  const unsigned size = prefix == 14 && suffix_length == 0 ? 4 : prefix >= 15 ? prefix - 3 : suffix_length;
  code += bits_.read(size);
  if (prefix >= 15 && suffix_length == 0) code += 15;
  if (prefix >= 16) code += (1U << (prefix - 3)) - 4096;
  if (first_after_few_ones) code += 2;
  const auto magnitude = static_cast<std::int32_t>(code + 2) >> 1;
  if (suffix_length == 0) suffix_length = 1;
  if (suffix_length < 6 && magnitude > 3 << (suffix_length - 1)) ++suffix_length;
  return (code & 1) != 0 ? -magnitude : magnitude;
}

unsigned CavlcSyntax::total_zeros(unsigned total, unsigned num_coefficients) {
  if (total == num_coefficients) return 0;
  if (num_coefficients == 4) return take(bits_, kZerosDc420[total - 1].find(bits_));
  if (num_coefficients == 8) return take(bits_, kZerosDc422[total - 1].find(bits_));
  return take(bits_, kZeros[total - 1].find(bits_));
}

unsigned CavlcSyntax::run_before(unsigned zeros_left) {
  return take(bits_, kRun[std::min(zeros_left, 7U) - 1].find(bits_));
}

void CavlcSyntax::levels_and_runs(Token token, unsigned num_coefficients, unsigned step, unsigned offset, Levels& levels) {
  if (token.total == 0) return;
  if (token.total > num_coefficients) throw DamagedData("more coefficients than the block holds");
  const std::size_t first = levels.count;
  unsigned suffix_length = token.total > 10 && token.trailing_ones < 3 ? 1 : 0;
  for (unsigned i = 0; i < token.total; ++i) {
    if (i < token.trailing_ones) {
      levels.level[first + i] = bits_.flag() ? -1 : 1;
    } else {
      levels.level[first + i] = level(suffix_length, i == token.trailing_ones && token.trailing_ones < 3);
    }
  }
  unsigned zeros_left = total_zeros(token.total, num_coefficients);
  if (zeros_left + token.total > num_coefficients) throw DamagedData("total_zeros beyond the block");
  unsigned position = zeros_left + token.total - 1;
  for (unsigned i = 0; i < token.total; ++i) {
    levels.position[first + i] = static_cast<std::uint8_t>(position * step + offset);
    if (i + 1 == token.total) break;
    const unsigned run = zeros_left != 0 ? run_before(zeros_left) : 0;
    if (run > zeros_left) throw DamagedData("run_before beyond the zeros left");
    zeros_left -= run;
    position -= run + 1;
  }
  levels.count = first + token.total;
}

void CavlcSyntax::block4x4(Macroblock& mb, BlockPlace place, BlockCategory category, Levels& levels) {
  levels.count = 0;
  auto& counts = mb.num_coefficients[place.plane];
  const unsigned predicted =
      predicted_count(counts[cell(place.column - 1, place.row)], counts[cell(place.column, place.row - 1)]);
  const Token token = coeff_token(predicted);
  levels_and_runs(token, category == kLumaAc || category == kChromaAc ? 15 : 16, 1, 0, levels);
  if (category == kLumaDc) {
    if (token.total != 0) mb.dc_coded |= static_cast<std::uint8_t>(1U << place.plane);
  } else {
    counts[cell(place.column, place.row)] = static_cast<std::uint8_t>(token.total);
  }
}

// Four interleaved blocks of 16 make one of 64.
void CavlcSyntax::block8x8(Macroblock& mb, BlockPlace place, bool, Levels& levels) {
  levels.count = 0;
  auto& counts = mb.num_coefficients[place.plane];
  for (unsigned i = 0; i < 4; ++i) {
    const int column = place.column + static_cast<int>(i % 2);
    const int row = place.row + static_cast<int>(i / 2);
    const Token token = coeff_token(predicted_count(counts[cell(column - 1, row)], counts[cell(column, row - 1)]));
    levels_and_runs(token, 16, 4, i, levels);
    counts[cell(column, row)] = static_cast<std::uint8_t>(token.total);
  }
}

void CavlcSyntax::chroma_dc(Macroblock& mb, std::size_t plane, unsigned num_coefficients, Levels& levels) {
  levels.count = 0;
  const Token token = coeff_token_chroma_dc(num_coefficients);
  levels_and_runs(token, num_coefficients, 1, 0, levels);
  if (token.total != 0) mb.dc_coded |= static_cast<std::uint8_t>(1U << plane);
}

}  // namespace videotx::h264
