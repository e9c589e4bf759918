#include "h264/cabac_syntax.h"

#include <algorithm>

namespace videotx::h264 {

CabacSyntax::CabacSyntax(const BitReader& bits, const Slice& slice)
    : bits_(bits), field_(slice.structure == Structure::kFrame ? 0 : 1) {
  bits_.align();  // cabac_alignment_one_bit
  engine_ = CabacEngine(bits_.data(), bits_.num_bytes(), bits_.position() / 8);
  const SliceHeader& header = *slice.header;
  initialise_contexts(contexts_, header.is_intra() ? 0 : 1 + header.cabac_init_idc, header.qp);
}

bool CabacSyntax::mb_skip_flag(const Macroblock& mb, bool b_slice) {
  const std::size_t increment = (mb.left->skip ? 0U : 1U) + (mb.top->skip ? 0U : 1U);
  return bin((b_slice ? 24U : 11U) + increment);
}

// mb_type of I macroblocks past the first bin (Table 9-36); contexts are shared more in P and B slices.
unsigned CabacSyntax::intra_type(std::size_t first, bool in_intra_slice) {
  if (engine_.terminate()) return kTypeIntraPcm;
  Run bin(*this);
  const std::size_t extra = in_intra_slice ? 1 : 0;
  unsigned type = 1;
  if (bin(first)) type += 12;
  if (bin(first + 1)) type += bin(first + 1 + extra) ? 8U : 4U;
  if (bin(first + 2 + extra)) type += 2;
  if (bin(first + 2 + 2 * extra)) type += 1;
  return type;
}

MacroblockType CabacSyntax::mb_type(const Macroblock& mb, SliceType type) {
  if (type == SliceType::kI) {
    const std::size_t increment = (mb.left->intra_nxn ? 0U : 1U) + (mb.top->intra_nxn ? 0U : 1U);
    if (!bin(3 + increment)) return {true, kTypeIntraNxN};
    return {true, intra_type(6, true)};
  }
  const MacroblockType inter = type == SliceType::kP ? type_p() : type_b(mb);
  if (!inter.intra) return inter;
  const std::size_t prefix = type == SliceType::kP ? 17 : 32;
  if (!bin(prefix)) return {true, kTypeIntraNxN};
  return {true, intra_type(prefix + 1, false)};
}

// mb_type of P macroblocks (Table 9-37), or that it is an intra one.
MacroblockType CabacSyntax::type_p() {
  Run bin(*this);
  if (bin(14)) return {true, 0};
  if (!bin(15)) return {false, bin(16) ? 3U : 0U};
  return {false, bin(17) ? 1U : 2U};
}

// The same of B macroblocks.
MacroblockType CabacSyntax::type_b(const Macroblock& mb) {
  Run bin(*this);
  const std::size_t increment = (mb.left->direct ? 0U : 1U) + (mb.top->direct ? 0U : 1U);
  if (!bin(27 + increment)) return {false, 0};
  if (!bin(27 + 3)) return {false, 1U + (bin(27 + 5) ? 1U : 0U)};
  unsigned code = bin(27 + 4) ? 8U : 0U;
  code |= bin(27 + 5) ? 4U : 0U;
  code |= bin(27 + 5) ? 2U : 0U;
  code |= bin(27 + 5) ? 1U : 0U;
  if (code < 8) return {false, code + 3};
  if (code == 13) return {true, 0};
  if (code == 14) return {false, 11};
  if (code == 15) return {false, 22};
  code = code << 1 | (bin(27 + 5) ? 1U : 0U);
  return {false, code - 4};
}

unsigned CabacSyntax::sub_mb_type(bool b_slice) {
  Run bin(*this);
  if (!b_slice) {
    if (bin(21)) return 0;
    if (!bin(22)) return 1;
    return bin(23) ? 2 : 3;
  }
  if (!bin(36)) return 0;
  if (!bin(37)) return bin(39) ? 2 : 1;
  unsigned type = 3;
  if (bin(38)) {
    if (bin(39)) return bin(39) ? 12 : 11;
    type += 4;
  }
  if (bin(39)) type += 2;
  if (bin(39)) type += 1;
  return type;
}

bool CabacSyntax::transform_size_8x8_flag(const Macroblock& mb) {
  return bin(399U + (mb.left->transform_8x8 ? 1U : 0U) + (mb.top->transform_8x8 ? 1U : 0U));
}

void CabacSyntax::intra_nxn_pred_mode() {
  Run bin(*this);
  if (bin(68)) return;
  for (int i = 0; i < 3; ++i) bin(69);
}

unsigned CabacSyntax::intra_chroma_pred_mode(const Macroblock& mb) {
  if (!bin(64U + (mb.left->chroma_mode ? 1U : 0U) + (mb.top->chroma_mode ? 1U : 0U))) return 0;
  if (!bin(67)) return 1;
  return bin(67) ? 3 : 2;
}

unsigned CabacSyntax::coded_block_pattern(const Macroblock& mb, bool chroma) {
  Run bin(*this);
  const unsigned left = mb.left->cbp_luma;
  const unsigned top = mb.top->cbp_luma;
  const auto luma_bin = [&bin](unsigned a, unsigned b) __attribute__((always_inline)) { return bin(73U + (1 - a) + 2 * (1 - b)) ? 1U : 0U; };
  const unsigned b0 = luma_bin(left >> 1 & 1, top >> 2 & 1);
  const unsigned b1 = luma_bin(b0, top >> 3 & 1);
  const unsigned b2 = luma_bin(left >> 3 & 1, b0);
  const unsigned b3 = luma_bin(b2, b1);
  unsigned pattern = b0 | b1 << 1 | b2 << 2 | b3 << 3;
  if (!chroma) return pattern;
  const unsigned a = mb.left->cbp_chroma;
  const unsigned b = mb.top->cbp_chroma;
  if (!bin(77U + (a != 0 ? 1U : 0U) + (b != 0 ? 2U : 0U))) return pattern;
  pattern |= bin(81U + (a == 2 ? 1U : 0U) + (b == 2 ? 2U : 0U)) ? 32U : 16U;
  return pattern;
}

int CabacSyntax::mb_qp_delta() {
  Run bin(*this);
  unsigned k = 0;
  std::size_t context = previous_qp_delta_ ? 61 : 60;
  while (bin(context)) {
    context = k == 0 ? 62 : 63;
    if (++k > 200) throw DamagedData("mb_qp_delta out of range");
  }
  previous_qp_delta_ = k != 0;
  const int magnitude = static_cast<int>((k + 1) / 2);
  return (k & 1) != 0 ? magnitude : -magnitude;
}

unsigned CabacSyntax::ref_idx(Macroblock& mb, std::size_t list, int block, unsigned num_ref_idx) {
  const auto at = static_cast<std::size_t>(4 + block % 2 + block / 2 * 3);
  const auto& positive = mb.ref_positive[list];
  std::size_t context = 54U + positive[at - 1] + 2U * positive[at - 3];
  Run bin(*this);
  unsigned ref = 0;
  while (bin(context)) {
    context = ref == 0 ? 58 : 59;
    if (++ref >= num_ref_idx) throw DamagedData("ref_idx beyond the reference list");
  }
  return ref;
}

inline int CabacSyntax::mvd_component(Run& bin, std::size_t base, unsigned sum) {
  if (!bin(base + (sum < 3 ? 0U : sum > 32 ? 2U : 1U))) return 0;
  int magnitude = 1;
  std::size_t context = base + 3;
  while (magnitude < 9 && bin(context)) {
    if (context < base + 6) ++context;
    ++magnitude;
  }
  if (magnitude >= 9) {
    unsigned k = 3;
    while (bin.bypass()) {
      magnitude += 1 << k;
      if (++k > 20) throw DamagedData("motion vector difference out of range");
    }
    while (k-- != 0) magnitude += (bin.bypass() ? 1 : 0) << k;
  }
  return bin.bypass() ? -magnitude : magnitude;
}

MotionVector CabacSyntax::mvd(Macroblock& mb, std::size_t list, int column, int row, int width, int height) {
  auto& cache = mb.mvd[list];
  const auto& left = cache[cell(column - 1, row)];
  const auto& top = cache[cell(column, row - 1)];
  Run bin(*this);
  const int x = mvd_component(bin, 40, static_cast<unsigned>(left[0] + top[0]));
  const int y = mvd_component(bin, 47, static_cast<unsigned>(left[1] + top[1]));
  // Sums beyond 32 all mean the same, so the magnitudes may be capped, even where MBAFF halves or doubles them.
  const std::array<std::uint8_t, 2> magnitudes = {static_cast<std::uint8_t>(std::min(std::abs(x), 127)),
                                                  static_cast<std::uint8_t>(std::min(std::abs(y), 127))};
  fill_cells(cache, column, row, width, height, magnitudes);
  return {static_cast<std::int16_t>(x), static_cast<std::int16_t>(y)};
}

void CabacSyntax::skip_pcm(std::size_t num_bits) {
  const std::size_t first = (engine_.position() + 7) / 8;
  const std::size_t last = first + (num_bits + 7) / 8;
  if (last > bits_.num_bytes()) throw DamagedData("I_PCM samples beyond the end of the slice");
  engine_ = CabacEngine(bits_.data(), bits_.num_bytes(), last);
}

namespace {
enum BlockKind { kPlainBlock, kChromaDcBlock, kBlock8x8 };
}  // namespace

// A level of at least two, by prefix and suffix (clause 9.3.2.3).
inline std::int32_t CabacSyntax::greater_level(CabacEngine& engine, ContextState& context) {
  std::int32_t magnitude = 2;
  while (magnitude < 15 && engine.decode(context)) ++magnitude;
  if (magnitude < 15) return magnitude;
  unsigned exponent = 0;
  while (engine.bypass()) {
    if (++exponent > 24) throw DamagedData("coefficient level out of range");
  }
  std::int32_t suffix = 1;
  while (exponent-- != 0) suffix = suffix * 2 + (engine.bypass() ? 1 : 0);
  return magnitude + suffix - 1;
}

// significant_coeff_flag, last_significant_coeff_flag, coeff_abs_level_minus1, coeff_sign_flag (clause 7.3.5.3.3).
template <int Kind>
inline void CabacSyntax::significance_and_levels(CabacEngine& engine, unsigned category, unsigned num_coefficients,
                                                 Levels& levels) {
  ContextState* significant = contexts_.data() + kSignificantBase[field_][category];
  ContextState* last = contexts_.data() + kLastBase[field_][category];
  std::size_t count = 0;
  unsigned i = 0;
  for (; i + 1 < num_coefficients; ++i) {
    unsigned s = i;
    unsigned l = i;
    if constexpr (Kind == kChromaDcBlock) s = l = std::min(i / (num_coefficients / 4), 2U);
    if constexpr (Kind == kBlock8x8) {
      s = kSignificant8x8[field_][i];
      l = kLast8x8[i];
    }
    if (!engine.decode(significant[s])) continue;
    levels.position[count++] = static_cast<std::uint8_t>(i);
    if (engine.decode(last[l])) break;
  }
  if (i + 1 == num_coefficients) levels.position[count++] = static_cast<std::uint8_t>(i);
  levels.count = count;

  // ctxIdxInc of the first bin counts the levels of one, until a greater one came; of the others, those greater.
  constexpr std::uint8_t kAfterOne[5] = {0, 2, 3, 4, 4};
  constexpr unsigned kLastGreater = 5 + (Kind == kChromaDcBlock ? 3 : 4);
  ContextState* level = contexts_.data() + kLevelBase[category];
  unsigned first = 1;
  unsigned greater = 5;
  for (std::size_t k = count; k-- != 0;) {
    std::int32_t magnitude = 1;
    if (!engine.decode(level[first])) {
      first = kAfterOne[first];
    } else {
      magnitude = greater_level(engine, level[greater]);
      first = 0;
      greater = std::min(greater + 1, kLastGreater);
    }
    const std::int32_t sign = engine.bypass() ? -1 : 0;
    levels.level[k] = (magnitude ^ sign) - sign;
  }
}

// coded_block_flag and, where it is set, the levels.
template <int Kind>
inline bool CabacSyntax::block(unsigned category, unsigned num_coefficients, bool left, bool top, Levels& levels) {
  CabacEngine engine = engine_;  // kept in registers
  const bool coded = engine.decode(contexts_[kCodedBlockFlagBase[category] + (left ? 1U : 0U) + (top ? 2U : 0U)]);
  if (coded) significance_and_levels<Kind>(engine, category, num_coefficients, levels);
  engine_ = engine;
  return coded;
}

bool CabacSyntax::other_block(unsigned category, unsigned num_coefficients, bool left, bool top, Levels& levels) {
  return block<kPlainBlock>(category, num_coefficients, left, top, levels);
}

void CabacSyntax::block4x4(Macroblock& mb, BlockPlace place, BlockCategory category, Levels& levels) {
  levels.count = 0;
  auto& counts = mb.num_coefficients[place.plane];
  const bool chroma = category == kChromaAc;
  const unsigned cat = chroma ? kChromaAc : category_of_plane(category, place.plane);
  const bool dc = category == kLumaDc;
  bool left = counts[cell(place.column - 1, place.row)] != 0;
  bool top = counts[cell(place.column, place.row - 1)] != 0;
  if (dc) {
    // The DC block of a neighbour that is not there counts as coded, since this macroblock is intra.
    left = !mb.left_available || (mb.left->dc_coded >> place.plane & 1) != 0;
    top = !mb.top_available || (mb.top->dc_coded >> place.plane & 1) != 0;
  }
  // The categories of most blocks are written out, so that their contexts have fixed places.
  const bool coded = cat == kLuma4x4    ? block<kPlainBlock>(kLuma4x4, 16, left, top, levels)
                     : cat == kChromaAc ? block<kPlainBlock>(kChromaAc, 15, left, top, levels)
                                        : other_block(cat, category == kLumaAc ? 15 : 16, left, top, levels);
  if (dc) {
    if (coded) mb.dc_coded |= static_cast<std::uint8_t>(1U << place.plane);
  } else {
    counts[cell(place.column, place.row)] = static_cast<std::uint8_t>(levels.count);
  }
}

void CabacSyntax::block8x8(Macroblock& mb, BlockPlace place, bool chroma444, Levels& levels) {
  levels.count = 0;
  auto& counts = mb.num_coefficients[place.plane];
  const unsigned category = category_of_plane(kLuma8x8, place.plane);
  if (!chroma444) {
    CabacEngine engine = engine_;
    significance_and_levels<kBlock8x8>(engine, kLuma8x8, 64, levels);
    engine_ = engine;
  } else {
    // A neighbouring macroblock counts only where it uses the 8x8 transform too.
    const auto other_transform = [](const Neighbour& n) { return !n.transform_8x8 && !n.pcm; };
    const bool left_outside = place.column == 0 && mb.left_available && other_transform(*mb.left);
    const bool top_outside = place.row == 0 && mb.top_available && other_transform(*mb.top);
    const bool left = !left_outside && counts[cell(place.column - 1, place.row)] != 0;
    const bool top = !top_outside && counts[cell(place.column, place.row - 1)] != 0;
    block<kBlock8x8>(category, 64, left, top, levels);
  }
  const auto count = static_cast<std::uint8_t>(std::min<std::size_t>(levels.count, 16));
  for (int i = 0; i < 4; ++i) counts[cell(place.column + i % 2, place.row + i / 2)] = count;
}

void CabacSyntax::chroma_dc(Macroblock& mb, std::size_t plane, unsigned num_coefficients, Levels& levels) {
  levels.count = 0;
  const bool left = mb.left_available ? (mb.left->dc_coded >> plane & 1) != 0 : mb.intra;
  const bool top = mb.top_available ? (mb.top->dc_coded >> plane & 1) != 0 : mb.intra;
  if (!block<kChromaDcBlock>(kChromaDc, num_coefficients, left, top, levels)) return;
  mb.dc_coded |= static_cast<std::uint8_t>(1U << plane);
}

}  // namespace videotx::h264
