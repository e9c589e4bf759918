// The residual of a macroblock: which blocks are coded (clause 7.3.5.3), and their samples (clause 8.5).
#pragma once

#include "h264/level_scale.h"
#include "h264/scans.h"
#include "h264/syntax.h"
#include "h264/transform.h"

namespace videotx::h264 {

// Turns levels into samples of the residual planes of one macroblock. Where the residual is not wanted, nothing is done.
class ResidualSink {
 public:
  ResidualSink(const Slice& slice, const Macroblock& mb);

  [[nodiscard]] bool wanted() const { return wanted_; }
  // Levels of a whole 4x4 block, or of its AC part (`first` 1) with the DC given.
  void block4x4(BlockPlace place, const Levels& levels, unsigned first, std::int32_t dc);
  void block8x8(BlockPlace place, const Levels& levels);
  // Scaled DC coefficients by raster position of their block.
  [[nodiscard]] Block4x4 luma_dc(std::size_t plane, const Levels& levels) const;
  [[nodiscard]] std::array<std::int32_t, 8> chroma_dc(std::size_t plane, const Levels& levels) const;

 private:
  // Where the samples of a block are to be written.
  [[nodiscard]] std::int16_t* at(BlockPlace place) const;

  bool wanted_;
  bool bypass_;
  bool intra_;
  bool chroma_422_;
  std::array<std::int16_t*, 3> plane_{};   // of the macroblock
  std::array<std::uint8_t*, 2> written_{};  // of the macroblocks on its lines, which may be one
  std::array<std::size_t, 3> stride_{};
  std::array<int, 3> qp_{};
  const std::uint8_t* scan4x4_;
  const std::uint8_t* scan8x8_;
  const LevelScale* scale_;
};

// Reads the residual of `mb` with either entropy coding.
template <class Syntax>
class ResidualReader {
 public:
  ResidualReader(Syntax& syntax, const Slice& slice, Macroblock& mb)
      : syntax_(syntax), mb_(mb), array_type_(slice.sps->chroma_array_type()), sink_(slice, mb) {}

  void read() {
    read_luma_like(0);
    if (array_type_ == 3) {
      read_luma_like(1);
      read_luma_like(2);
    } else if (array_type_ != 0 && mb_.cbp_chroma != 0) {
      read_chroma();
    }
  }

 private:
  void read_luma_like(std::size_t plane) {
    Block4x4 dc{};
    if (mb_.is_intra16x16()) {
      syntax_.block4x4(mb_, {plane, 0, 0}, kLumaDc, levels_);
      if (sink_.wanted() && levels_.count != 0) dc = sink_.luma_dc(plane, levels_);
    }
    for (int quarter = 0; quarter < 4; ++quarter) {
      const bool coded = (mb_.cbp_luma >> quarter & 1) != 0;
      const BlockPlace first{plane, quarter % 2 * 2, quarter / 2 * 2};
      if (coded && mb_.transform_8x8) {
        syntax_.block8x8(mb_, first, array_type_ == 3, levels_);
        if (sink_.wanted() && levels_.count != 0) sink_.block8x8(first, levels_);
        continue;
      }
      if (!coded && !mb_.is_intra16x16()) continue;
      for (int i = 0; i < 4; ++i) {
        const BlockPlace place{plane, first.column + i % 2, first.row + i / 2};
        read_luma_block(place, coded, dc[static_cast<std::size_t>(place.row * 4 + place.column)]);
      }
    }
  }

  void read_luma_block(BlockPlace place, bool coded, std::int32_t dc) {
    const bool ac_only = mb_.is_intra16x16();
    levels_.count = 0;
    if (coded) syntax_.block4x4(mb_, place, ac_only ? kLumaAc : kLuma4x4, levels_);
    if (sink_.wanted() && (levels_.count != 0 || dc != 0)) sink_.block4x4(place, levels_, ac_only ? 1 : 0, dc);
  }

  void read_chroma() {
    const int num_blocks = array_type_ == 1 ? 4 : 8;
    std::array<std::array<std::int32_t, 8>, 2> dc{};
    for (std::size_t c = 0; c < 2; ++c) {
      syntax_.chroma_dc(mb_, c + 1, static_cast<unsigned>(num_blocks), levels_);
      if (sink_.wanted() && levels_.count != 0) dc[c] = sink_.chroma_dc(c + 1, levels_);
    }
    const bool ac = mb_.cbp_chroma == 2;
    for (std::size_t c = 0; c < 2; ++c) {
      for (int i = 0; i < num_blocks; ++i) {
        const BlockPlace place{c + 1, i % 2, i / 2};
        levels_.count = 0;
        if (ac) syntax_.block4x4(mb_, place, kChromaAc, levels_);
        const std::int32_t value = dc[c][static_cast<std::size_t>(i)];
        if (sink_.wanted() && (levels_.count != 0 || value != 0)) sink_.block4x4(place, levels_, 1, value);
      }
    }
  }

  Syntax& syntax_;
  Macroblock& mb_;
  int array_type_;
  ResidualSink sink_;
  Levels levels_;
};

}  // namespace videotx::h264
