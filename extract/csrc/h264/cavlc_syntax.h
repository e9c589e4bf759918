// Syntax elements in Exp-Golomb codes and CAVLC (clauses 9.1 and 9.2).
#pragma once

#include "h264/syntax.h"

namespace videotx::h264 {

class CavlcSyntax {
 public:
  static constexpr bool kIsCabac = false;

  CavlcSyntax(const BitReader& bits, const Slice&) : bits_(bits) {}

  // mb_skip_run.
  unsigned skip_run() { return bits_.ue(); }
  [[nodiscard]] bool more_data() const { return bits_.more_rbsp_data(); }

  void set_field(bool) {}
  bool mb_field_decoding_flag() { return bits_.flag(); }
  [[nodiscard]] bool peek_flag() const { return bits_.peek(1) != 0; }
  MacroblockType mb_type(const Macroblock& mb, SliceType type);
  unsigned sub_mb_type(bool b_slice);
  bool transform_size_8x8_flag(const Macroblock&) { return bits_.flag(); }
  void intra_nxn_pred_mode() { bits_.skip(bits_.peek(1) != 0 ? 1 : 4); }
  unsigned intra_chroma_pred_mode(const Macroblock&) { return bits_.ue_at_most(3, "intra_chroma_pred_mode above 3"); }
  unsigned coded_block_pattern(const Macroblock& mb, bool chroma);
  int mb_qp_delta() { return bits_.se(); }
  void no_qp_delta() {}
  unsigned ref_idx(Macroblock& mb, std::size_t list, int block, unsigned num_ref_idx);
  MotionVector mvd(Macroblock& mb, std::size_t list, int column, int row, int width, int height);

  void block4x4(Macroblock& mb, BlockPlace place, BlockCategory category, Levels& levels);
  void block8x8(Macroblock& mb, BlockPlace place, bool chroma444, Levels& levels);
  void chroma_dc(Macroblock& mb, std::size_t plane, unsigned num_coefficients, Levels& levels);

  void skip_pcm(std::size_t num_bits) {
    bits_.align();
    bits_.skip(num_bits);
    bits_.check();
  }

  [[nodiscard]] std::size_t position() const { return bits_.position(); }

 private:
  // Levels of one block whose coeff_token was read (clauses 9.2.2 to 9.2.4); positions are scan * step + offset.
  struct Token {
    unsigned total;
    unsigned trailing_ones;
  };
  Token coeff_token(unsigned predicted);
  Token coeff_token_chroma_dc(unsigned num_coefficients);
  std::int32_t level(unsigned& suffix_length, bool first_after_few_ones);
  void levels_and_runs(Token token, unsigned num_coefficients, unsigned step, unsigned offset, Levels& levels);
  unsigned total_zeros(unsigned total, unsigned num_coefficients);
  unsigned run_before(unsigned zeros_left);

  BitReader bits_;
};

}  // namespace videotx::h264
