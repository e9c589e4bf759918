// Sequence and picture parameter sets (clauses 7.3.2.1, 7.3.2.2, Annex E).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "h264/bit_reader.h"
#include "h264/nal.h"

namespace videotx::h264 {

// Weight scales in raster order: six 4x4 lists (intra Y, Cb, Cr, inter Y, Cb, Cr) and six 8x8 lists (intra Y, inter Y,
// intra Cb, inter Cb, intra Cr, inter Cr).
struct ScalingLists {
  std::array<std::array<std::uint8_t, 16>, 6> list4x4;
  std::array<std::array<std::uint8_t, 64>, 6> list8x8;
};

struct SequenceParameterSet {
  std::uint32_t id = 0;
  int profile_idc = 0;
  bool constraint_set3 = false;
  int level_idc = 0;
  int chroma_format_idc = 1;
  bool separate_colour_plane = false;
  int bit_depth_luma = 8;
  int bit_depth_chroma = 8;
  bool transform_bypass = false;
  bool has_scaling_matrix = false;
  ScalingLists scaling;
  unsigned log2_max_frame_num = 4;
  int poc_type = 0;
  unsigned log2_max_poc_lsb = 4;
  bool delta_pic_order_always_zero = false;
  std::int32_t offset_for_non_ref_pic = 0;
  std::int32_t offset_for_top_to_bottom = 0;
  std::vector<std::int32_t> offset_for_ref_frame;
  int max_num_ref_frames = 0;
  bool gaps_in_frame_num_allowed = false;
  int width_in_macroblocks = 0;
  int height_in_map_units = 0;
  bool frame_mbs_only = true;
  bool mbaff = false;
  bool direct_8x8_inference = false;
  int crop_left = 0, crop_right = 0, crop_top = 0, crop_bottom = 0;  // luma samples
  bool has_bitstream_restriction = false;
  int max_num_reorder_frames = 0;
  int max_dec_frame_buffering = 0;

  [[nodiscard]] int height_in_macroblocks() const { return height_in_map_units * (frame_mbs_only ? 1 : 2); }
  [[nodiscard]] int chroma_array_type() const { return separate_colour_plane ? 0 : chroma_format_idc; }
  // Pictures that may wait for their display at once (clauses A.3.1 h and C.4.5.3).
  [[nodiscard]] int max_waiting_pictures() const;
};

struct PictureParameterSet {
  std::uint32_t id = 0;
  std::uint32_t sps_id = 0;
  bool cabac = false;
  bool pic_order_present = false;
  std::uint32_t num_slice_groups = 1;
  std::array<std::uint32_t, 2> num_ref_idx_default{1, 1};
  bool weighted_pred = false;
  int weighted_bipred_idc = 0;
  int pic_init_qp = 26;
  std::array<int, 2> chroma_qp_index_offset{};  // Cb, Cr
  bool deblocking_control_present = false;
  bool constrained_intra_pred = false;
  bool redundant_pic_cnt_present = false;
  bool transform_8x8_mode = false;
  ScalingLists scaling;
};

SequenceParameterSet parse_sps(BitReader bits);
PictureParameterSet parse_pps(BitReader bits, const SequenceParameterSet& sps);

// The sets seen so far, by id. A PPS is parsed again when its SPS changes, since its meaning depends on it.
class ParameterSets {
 public:
  void add_sps(const NalUnit& nal);
  void add_pps(const NalUnit& nal);
  // Null where there is none.
  [[nodiscard]] std::shared_ptr<const PictureParameterSet> pps(std::uint32_t id) const;
  [[nodiscard]] std::shared_ptr<const SequenceParameterSet> sps(std::uint32_t id) const;

 private:
  template <class T>
  struct Entry {
    std::vector<std::uint8_t> payload;
    std::shared_ptr<const T> set;
  };
  void parse_again(std::uint32_t id, Entry<PictureParameterSet>& entry);

  std::map<std::uint32_t, Entry<SequenceParameterSet>> sps_;
  std::map<std::uint32_t, Entry<PictureParameterSet>> pps_;
};

}  // namespace videotx::h264
