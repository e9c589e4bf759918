// macroblock_layer() (clause 7.3.5) over either entropy coding: types, partitions, vectors, and on to the residual.
#pragma once

#include "h264/direct_prediction.h"
#include "h264/macroblock_pair.h"
#include "h264/motion_prediction.h"
#include "h264/residual.h"
#include "h264/syntax.h"

namespace videotx::h264 {

// Which lists a partition uses: bit 0 list 0, bit 1 list 1.
struct InterType {
  Shape shape;
  std::array<std::uint8_t, 2> lists;
};
// Tables 7-13 and 7-14 without P_8x8, B_Direct_16x16 and B_8x8.
inline constexpr InterType kTypeP[3] = {{Shape::k16x16, {1, 0}}, {Shape::k16x8, {1, 1}}, {Shape::k8x16, {1, 1}}};
inline constexpr InterType kTypeB[22] = {
    {Shape::k16x16, {0, 0}}, {Shape::k16x16, {1, 0}}, {Shape::k16x16, {2, 0}}, {Shape::k16x16, {3, 0}},
    {Shape::k16x8, {1, 1}},  {Shape::k8x16, {1, 1}},  {Shape::k16x8, {2, 2}},  {Shape::k8x16, {2, 2}},
    {Shape::k16x8, {1, 2}},  {Shape::k8x16, {1, 2}},  {Shape::k16x8, {2, 1}},  {Shape::k8x16, {2, 1}},
    {Shape::k16x8, {1, 3}},  {Shape::k8x16, {1, 3}},  {Shape::k16x8, {2, 3}},  {Shape::k8x16, {2, 3}},
    {Shape::k16x8, {3, 1}},  {Shape::k8x16, {3, 1}},  {Shape::k16x8, {3, 2}},  {Shape::k8x16, {3, 2}},
    {Shape::k16x8, {3, 3}},  {Shape::k8x16, {3, 3}},
};
inline constexpr unsigned kTypeB8x8 = 22;

// Tables 7-17 and 7-18: lists and size, in 4x4 blocks, of sub-macroblock partitions.
struct SubType {
  std::uint8_t lists;  // 0: direct
  std::uint8_t width;
  std::uint8_t height;
};
inline constexpr SubType kSubTypeP[4] = {{1, 2, 2}, {1, 2, 1}, {1, 1, 2}, {1, 1, 1}};
inline constexpr SubType kSubTypeB[13] = {{0, 1, 1}, {1, 2, 2}, {2, 2, 2}, {3, 2, 2}, {1, 2, 1}, {1, 1, 2}, {2, 2, 1},
                                          {2, 1, 2}, {3, 2, 1}, {3, 1, 2}, {1, 1, 1}, {2, 1, 1}, {3, 1, 1}};

template <class Syntax, bool Mbaff>
class MacroblockLayer {
 public:
  MacroblockLayer(Syntax& syntax, Slice& slice, const DirectPrediction& direct)
      : syntax_(syntax), slice_(slice), direct_(direct), b_slice_(slice.header->is_b()), num_lists_(b_slice_ ? 2 : 1) {}

  void read(Macroblock& mb) {
    const MacroblockType type = syntax_.mb_type(mb, slice_.header->type);
    mb.intra = type.intra;
    mb.bypass = false;
    if (type.intra) {
      if (type.value == kTypeIntraPcm) {
        read_pcm(mb);
        return;
      }
      read_intra(mb, type.value);
    } else {
      read_inter(mb, type.value);
    }
    if (mb.cbp_luma != 0 || mb.cbp_chroma != 0 || mb.is_intra16x16()) {
      read_qp_delta();
      mb.bypass = slice_.sps->transform_bypass && slice_.qp + 6 * (slice_.sps->bit_depth_luma - 8) == 0;
      load_coefficient_counts(slice_, mb, Syntax::kIsCabac && !mb.intra ? std::uint8_t{0} : kNoCount);
      ResidualReader<Syntax>(syntax_, slice_, mb).read();
    } else {
      syntax_.no_qp_delta();
    }
    slice_.picture->coded.qp[mb.address] = static_cast<std::int8_t>(slice_.qp);
  }

  void skip(Macroblock& mb) {
    mb.intra = false;
    mb.kind = b_slice_ ? MacroblockClass::kSkipB : MacroblockClass::kSkipP;
    mb.direct = b_slice_;
    load_neighbours(mb);
    if (b_slice_) {
      direct_.predict(slice_, mb, 15);
      store_motion(slice_, mb, 2);
    } else {
      store_motion_16x16(slice_, mb, predict_p_skip(mb));
    }
    syntax_.no_qp_delta();
    slice_.picture->coded.qp[mb.address] = static_cast<std::int8_t>(slice_.qp);
  }

 private:
  void load_neighbours(Macroblock& mb) {
    if constexpr (Mbaff) {
      load_pair_motion_neighbours(slice_, mb, num_lists_);
    } else {
      load_motion_neighbours(slice_, mb, num_lists_);
    }
  }

  [[nodiscard]] bool has_chroma_blocks() const {
    const int type = slice_.sps->chroma_array_type();
    return type == 1 || type == 2;
  }

  void read_pcm(Macroblock& mb) {
    const SequenceParameterSet& sps = *slice_.sps;
    constexpr std::size_t kChromaSamples[4] = {0, 128, 256, 512};
    const std::size_t chroma = kChromaSamples[sps.chroma_array_type()];
    syntax_.skip_pcm(256 * static_cast<std::size_t>(sps.bit_depth_luma) +
                     chroma * static_cast<std::size_t>(sps.bit_depth_chroma));
    mb.kind = MacroblockClass::kIntraPcm;
    mb.cbp_luma = 15;
    mb.cbp_chroma = 2;
    mb.dc_coded = 7;
    for (auto& counts : mb.num_coefficients) counts.fill(16);
    syntax_.no_qp_delta();
    slice_.picture->coded.qp[mb.address] = 0;
  }

  void read_intra(Macroblock& mb, unsigned type) {
    if (type == kTypeIntraNxN) {
      mb.transform_8x8 = slice_.pps->transform_8x8_mode && syntax_.transform_size_8x8_flag(mb);
      mb.kind = mb.transform_8x8 ? MacroblockClass::kIntra8x8 : MacroblockClass::kIntra4x4;
      for (int i = 0; i < (mb.transform_8x8 ? 4 : 16); ++i) syntax_.intra_nxn_pred_mode();
    } else {
      mb.kind = MacroblockClass::kIntra16x16;
      mb.cbp_luma = type > 12 ? 15 : 0;
      mb.cbp_chroma = static_cast<std::uint8_t>((type - 1) / 4 % 3);
    }
    if (has_chroma_blocks()) mb.chroma_mode = static_cast<std::uint8_t>(syntax_.intra_chroma_pred_mode(mb));
    if (type == kTypeIntraNxN) read_coded_block_pattern(mb);
  }

  void read_coded_block_pattern(Macroblock& mb) {
    const unsigned pattern = syntax_.coded_block_pattern(mb, has_chroma_blocks());
    mb.cbp_luma = static_cast<std::uint8_t>(pattern & 15);
    mb.cbp_chroma = static_cast<std::uint8_t>(pattern >> 4);
  }

  void read_qp_delta() {
    const int depth_offset = 6 * (slice_.sps->bit_depth_luma - 8);
    const int delta = syntax_.mb_qp_delta();
    const int limit = 26 + depth_offset / 2;
    if (delta < -limit || delta >= limit) throw DamagedData("mb_qp_delta out of range");
    const int count = 52 + depth_offset;
    slice_.qp = (slice_.qp + delta + depth_offset + count) % count - depth_offset;
  }

  void read_inter(Macroblock& mb, unsigned type) {
    mb.kind = b_slice_ ? MacroblockClass::kInterB : MacroblockClass::kInterP;
    load_neighbours(mb);
    bool may_use_8x8 = true;
    if (b_slice_ && type == 0) {
      mb.kind = MacroblockClass::kDirectB;
      mb.direct = true;
      direct_.predict(slice_, mb, 15);
      may_use_8x8 = slice_.sps->direct_8x8_inference;
    } else {
      if constexpr (Syntax::kIsCabac) load_difference_neighbours(mb, num_lists_);
      if constexpr (Mbaff) mb.ref_above_one = {};
      if (type == (b_slice_ ? kTypeB8x8 : 3U) || (!b_slice_ && type == 4)) {
        may_use_8x8 = read_8x8(mb, !b_slice_ && type == 4);
      } else {
        read_partitions(mb, b_slice_ ? kTypeB[type] : kTypeP[type]);
      }
    }
    store_motion(slice_, mb, num_lists_);
    read_coded_block_pattern(mb);
    if (mb.cbp_luma != 0 && slice_.pps->transform_8x8_mode && may_use_8x8) {
      mb.transform_8x8 = syntax_.transform_size_8x8_flag(mb);
    }
  }

  // ref_idx of the 8x8 blocks of one partition, from (column, row) on.
  void read_ref(Macroblock& mb, std::size_t list, int column, int row, int width, int height) {
    unsigned count = slice_.header->num_ref_idx[list];
    if constexpr (Mbaff) count <<= mb.field ? 1 : 0;
    const int block = row / 2 * 2 + column / 2;
    const unsigned ref = count > 1 ? syntax_.ref_idx(mb, list, block, count) : 0;
    fill_ref(mb, list, column, row, width, height, static_cast<std::int8_t>(ref));
    if constexpr (Syntax::kIsCabac) {
      for (int y = row / 2; y < (row + height) / 2; ++y) {
        for (int x = column / 2; x < (column + width) / 2; ++x) {
          const auto at = static_cast<std::size_t>(4 + x + 3 * y);
          mb.ref_positive[list][at] = ref > 0 ? 1 : 0;
          if constexpr (Mbaff) mb.ref_above_one[list][at] = ref > 1 ? 1 : 0;
        }
      }
    }
  }

  void add_difference(Macroblock& mb, std::size_t list, int column, int row, int width, int height, MotionVector mv) {
    const MotionVector difference = syntax_.mvd(mb, list, column, row, width, height);
    // Vectors wrap as their representation does (clause 8.4.1).
    mv.x = static_cast<std::int16_t>(mv.x + difference.x);
    mv.y = static_cast<std::int16_t>(mv.y + difference.y);
    fill_mv(mb, list, column, row, width, height, mv);
  }

  void clear_list(Macroblock& mb, std::size_t list, int column, int row, int width, int height) {
    fill_ref(mb, list, column, row, width, height, kUnused);
    fill_mv(mb, list, column, row, width, height, MotionVector{});
  }

  void read_partitions(Macroblock& mb, const InterType& type) {
    const int num = type.shape == Shape::k16x16 ? 1 : 2;
    const int width = type.shape == Shape::k8x16 ? 2 : 4;
    const int height = type.shape == Shape::k16x8 ? 2 : 4;
    const auto column = [&](int i) { return type.shape == Shape::k8x16 ? 2 * i : 0; };
    const auto row = [&](int i) { return type.shape == Shape::k16x8 ? 2 * i : 0; };
    for (std::size_t list = 0; list < num_lists_; ++list) {
      for (int i = 0; i < num; ++i) {
        if ((type.lists[static_cast<std::size_t>(i)] >> list & 1) != 0) {
          read_ref(mb, list, column(i), row(i), width, height);
        } else {
          clear_list(mb, list, column(i), row(i), width, height);
        }
      }
    }
    for (std::size_t list = 0; list < num_lists_; ++list) {
      for (int i = 0; i < num; ++i) {
        if ((type.lists[static_cast<std::size_t>(i)] >> list & 1) == 0) continue;
        const int ref = mb.ref[list][cell(column(i), row(i))];
        MotionVector mv;
        if (type.shape == Shape::k16x16) {
          mv = predict_median(mb, list, 0, 0, 4, ref);
        } else if (type.shape == Shape::k16x8) {
          mv = predict_16x8(mb, list, row(i), ref);
        } else {
          mv = predict_8x16(mb, list, column(i), ref);
        }
        add_difference(mb, list, column(i), row(i), width, height, mv);
      }
    }
  }

  // P_8x8 and B_8x8. Returns whether the 8x8 transform may follow.
  bool read_8x8(Macroblock& mb, bool all_ref_zero) {
    std::array<SubType, 4> sub{};
    unsigned direct = 0;
    bool may_use_8x8 = true;
    for (std::size_t i = 0; i < 4; ++i) {
      sub[i] = b_slice_ ? kSubTypeB[syntax_.sub_mb_type(true)] : kSubTypeP[syntax_.sub_mb_type(false)];
      if (sub[i].lists == 0) {
        direct |= 1U << i;
        may_use_8x8 &= slice_.sps->direct_8x8_inference;
      } else {
        may_use_8x8 &= sub[i].width == 2 && sub[i].height == 2;
      }
    }
    if (direct != 0) direct_.predict(slice_, mb, direct);
    for (std::size_t list = 0; list < num_lists_; ++list) {
      for (int i = 0; i < 4; ++i) {
        const SubType& type = sub[static_cast<std::size_t>(i)];
        if (type.lists == 0) continue;
        if ((type.lists >> list & 1) == 0) {
          clear_list(mb, list, i % 2 * 2, i / 2 * 2, 2, 2);
        } else if (all_ref_zero) {
          fill_ref(mb, list, i % 2 * 2, i / 2 * 2, 2, 2, 0);
        } else {
          read_ref(mb, list, i % 2 * 2, i / 2 * 2, 2, 2);
        }
      }
    }
    for (std::size_t list = 0; list < num_lists_; ++list) {
      for (int i = 0; i < 4; ++i) {
        const SubType& type = sub[static_cast<std::size_t>(i)];
        if ((type.lists >> list & 1) != 0) read_sub_vectors(mb, list, i % 2 * 2, i / 2 * 2, type);
      }
    }
    return may_use_8x8;
  }

  void read_sub_vectors(Macroblock& mb, std::size_t list, int column, int row, const SubType& type) {
    const int ref = mb.ref[list][cell(column, row)];
    for (int y = row; y < row + 2; y += type.height) {
      for (int x = column; x < column + 2; x += type.width) {
        add_difference(mb, list, x, y, type.width, type.height, predict_median(mb, list, x, y, type.width, ref));
      }
    }
  }

  Syntax& syntax_;
  Slice& slice_;
  const DirectPrediction& direct_;
  bool b_slice_;
  std::size_t num_lists_;
};

}  // namespace videotx::h264
