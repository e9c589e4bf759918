// Syntax elements in CABAC (clause 9.3): binarisations and context selection.
#pragma once

#include <array>

#include "h264/cabac.h"
#include "h264/syntax.h"

namespace videotx::h264 {

class CabacSyntax {
 public:
  static constexpr bool kIsCabac = true;

  CabacSyntax(const BitReader& bits, const Slice& slice);

  // Whether the macroblocks to come are field macroblocks; at first they are what the picture is.
  void set_field(bool field) { field_ = field ? 1 : 0; }
  // `neighbours` counts the pairs to the left and above that are field macroblocks.
  bool mb_field_decoding_flag(unsigned neighbours) { return bin(70 + neighbours); }
  bool mb_skip_flag(const Macroblock& mb, bool b_slice);
  MacroblockType mb_type(const Macroblock& mb, SliceType type);
  unsigned sub_mb_type(bool b_slice);
  bool transform_size_8x8_flag(const Macroblock& mb);
  void intra_nxn_pred_mode();
  unsigned intra_chroma_pred_mode(const Macroblock& mb);
  // Luma in bits 0..3, chroma in bits 4..5.
  unsigned coded_block_pattern(const Macroblock& mb, bool chroma);
  int mb_qp_delta();
  void no_qp_delta() { previous_qp_delta_ = false; }
  unsigned ref_idx(Macroblock& mb, std::size_t list, int block, unsigned num_ref_idx);
  MotionVector mvd(Macroblock& mb, std::size_t list, int column, int row, int width, int height);
  bool end_of_slice() { return engine_.terminate(); }

  // One residual block of up to `num_coefficients`, those before `first` being coded elsewhere. Updates the counts of `mb`.
  void block4x4(Macroblock& mb, BlockPlace place, BlockCategory category, Levels& levels);
  void block8x8(Macroblock& mb, BlockPlace place, bool chroma444, Levels& levels);
  void chroma_dc(Macroblock& mb, std::size_t plane, unsigned num_coefficients, Levels& levels);

  // Samples of I_PCM: `num_bits` starting at a byte. The engine starts anew after them.
  void skip_pcm(std::size_t num_bits);

  [[nodiscard]] std::size_t position() const { return engine_.position(); }

 private:
  // Decodes several bins in a row with the engine in registers, and puts it back at the end.
  class Run {
   public:
    explicit Run(CabacSyntax& syntax) : syntax_(syntax), engine_(syntax.engine_) {}
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    ~Run() { syntax_.engine_ = engine_; }
    [[gnu::always_inline]] bool operator()(std::size_t context) { return engine_.decode(syntax_.contexts_[context]); }
    bool bypass() { return engine_.bypass(); }

   private:
    CabacSyntax& syntax_;
    CabacEngine engine_;
  };

  bool bin(std::size_t context) { return engine_.decode(contexts_[context]); }
  unsigned intra_type(std::size_t first, bool in_intra_slice);
  [[gnu::always_inline]] static int mvd_component(Run& bin, std::size_t base, unsigned sum);
  MacroblockType type_p();
  MacroblockType type_b(const Macroblock& mb);
  template <int Kind>
  [[gnu::always_inline]] void significance_and_levels(CabacEngine& engine, unsigned category, unsigned num_coefficients, Levels& levels);
  [[gnu::always_inline]] static std::int32_t greater_level(CabacEngine& engine, ContextState& context);
  template <int Kind>
  [[gnu::always_inline]] bool block(unsigned category, unsigned num_coefficients, bool left, bool top, Levels& levels);
  bool other_block(unsigned category, unsigned num_coefficients, bool left, bool top, Levels& levels);

  CabacEngine engine_;
  std::array<ContextState, kNumContexts> contexts_;
  BitReader bits_;
  bool previous_qp_delta_ = false;
  std::size_t field_;  // picks the contexts of field macroblocks
};

}  // namespace videotx::h264
