#include "h264/parameter_sets.h"

#include <algorithm>
#include <bit>
#include <span>

#include "h264/scans.h"

namespace videotx::h264 {
namespace {

// Tables 7-3 and 7-4: the default lists in zig-zag order, intra and inter.
constexpr std::uint8_t kDefault4x4[2][16] = {
    {6, 13, 13, 20, 20, 20, 28, 28, 28, 28, 32, 32, 32, 37, 37, 42},
    {10, 14, 14, 20, 20, 20, 24, 24, 24, 24, 27, 27, 27, 30, 30, 34},
};
constexpr std::uint8_t kDefault8x8[2][64] = {
    {6,  10, 10, 13, 11, 13, 16, 16, 16, 16, 18, 18, 18, 18, 18, 23, 23, 23, 23, 23, 23, 25,
     25, 25, 25, 25, 25, 25, 27, 27, 27, 27, 27, 27, 27, 27, 29, 29, 29, 29, 29, 29, 29, 31,
     31, 31, 31, 31, 31, 33, 33, 33, 33, 33, 36, 36, 36, 36, 38, 38, 38, 40, 40, 42},
    {9,  13, 13, 15, 13, 15, 17, 17, 17, 17, 19, 19, 19, 19, 19, 21, 21, 21, 21, 21, 21, 22,
     22, 22, 22, 22, 22, 22, 24, 24, 24, 24, 24, 24, 24, 24, 25, 25, 25, 25, 25, 25, 25, 27,
     27, 27, 27, 27, 27, 28, 28, 28, 28, 28, 30, 30, 30, 30, 32, 32, 32, 33, 33, 35},
};

ScalingLists flat_lists() {
  ScalingLists lists;
  for (auto& list : lists.list4x4) list.fill(16);
  for (auto& list : lists.list8x8) list.fill(16);
  return lists;
}

void from_zigzag(std::span<const std::uint8_t> zigzag, std::span<const std::uint8_t> scan, std::span<std::uint8_t> list) {
  for (std::size_t i = 0; i < list.size(); ++i) list[scan[i]] = zigzag[i];
}

// One list (clause 7.3.2.1.1.1): `fallback` is used where it is absent, `defaults` where it says so.
void parse_scaling_list(BitReader& bits, std::span<std::uint8_t> list, std::span<const std::uint8_t> fallback,
                        std::span<const std::uint8_t> defaults, std::span<const std::uint8_t> scan) {
  if (!bits.flag()) {
    std::ranges::copy(fallback, list.begin());
    return;
  }
  std::array<std::uint8_t, 64> zigzag{};
  int last = 8;
  int next = 8;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (next != 0) {
      next = (last + bits.se() + 256) & 255;
      if (i == 0 && next == 0) {
        from_zigzag(defaults, scan, list);
        return;
      }
    }
    if (next != 0) last = next;
    zigzag[i] = static_cast<std::uint8_t>(last);
  }
  from_zigzag(std::span(zigzag).first(list.size()), scan, list);
}

// All lists. The first of each kind falls back to `base`, the others to the previous list of their kind (Table 7-2).
ScalingLists parse_scaling_matrix(BitReader& bits, const ScalingLists& base, bool with_8x8, bool with_chroma_8x8) {
  ScalingLists lists = base;
  for (std::size_t i = 0; i < 6; ++i) {
    const auto& fallback = i % 3 == 0 ? base.list4x4[i] : lists.list4x4[i - 1];
    parse_scaling_list(bits, lists.list4x4[i], fallback, kDefault4x4[i / 3], kZigZag4x4);
  }
  for (std::size_t i = 0; with_8x8 && i < (with_chroma_8x8 ? 6U : 2U); ++i) {
    const auto& fallback = i < 2 ? base.list8x8[i] : lists.list8x8[i - 2];
    parse_scaling_list(bits, lists.list8x8[i], fallback, kDefault8x8[i % 2], kZigZag8x8);
  }
  return lists;
}

ScalingLists default_lists() {
  ScalingLists lists;
  for (std::size_t i = 0; i < 6; ++i) {
    from_zigzag(kDefault4x4[i / 3], kZigZag4x4, lists.list4x4[i]);
    from_zigzag(kDefault8x8[i % 2], kZigZag8x8, lists.list8x8[i]);
  }
  return lists;
}

void skip_hrd(BitReader& bits) {  // clause E.1.2
  const std::uint32_t count = bits.ue_at_most(31, "cpb_cnt_minus1 above 31") + 1;
  bits.read(8);
  for (std::uint32_t i = 0; i < count; ++i) {
    bits.ue();
    bits.ue();
    bits.read(1);
  }
  bits.read(20);
}

void parse_vui(BitReader& bits, SequenceParameterSet& sps) {  // clause E.1.1
  if (bits.flag() && bits.read(8) == 255) bits.read(32);      // aspect_ratio_idc, Extended_SAR
  if (bits.flag()) bits.read(1);                              // overscan
  if (bits.flag()) {                                          // video_signal_type
    bits.read(4);
    if (bits.flag()) bits.read(24);
  }
  if (bits.flag()) {  // chroma_loc_info
    bits.ue();
    bits.ue();
  }
  if (bits.flag()) {  // timing_info
    bits.read(32);
    bits.read(32);
    bits.read(1);
  }
  const bool nal_hrd = bits.flag();
  if (nal_hrd) skip_hrd(bits);
  const bool vcl_hrd = bits.flag();
  if (vcl_hrd) skip_hrd(bits);
  if (nal_hrd || vcl_hrd) bits.read(1);
  bits.read(1);  // pic_struct_present_flag
  if (!bits.flag()) return;
  bits.read(1);
  for (int i = 0; i < 4; ++i) bits.ue();
  const std::uint32_t reorder = bits.ue();
  const std::uint32_t buffering = bits.ue();
  if (bits.overrun() || reorder > buffering || buffering > 16) return;  // some encoders cut the VUI short
  sps.has_bitstream_restriction = true;
  sps.max_num_reorder_frames = static_cast<int>(reorder);
  sps.max_dec_frame_buffering = static_cast<int>(buffering);
}

bool has_chroma_syntax(int profile_idc) {
  constexpr int kProfiles[] = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135};
  return std::ranges::find(kProfiles, profile_idc) != std::end(kProfiles);
}

void parse_high_profile_fields(BitReader& bits, SequenceParameterSet& sps) {
  sps.chroma_format_idc = static_cast<int>(bits.ue_at_most(3, "chroma_format_idc above 3"));
  if (sps.chroma_format_idc == 3) sps.separate_colour_plane = bits.flag();
  sps.bit_depth_luma = static_cast<int>(bits.ue_at_most(6, "bit depth above 14")) + 8;
  sps.bit_depth_chroma = static_cast<int>(bits.ue_at_most(6, "bit depth above 14")) + 8;
  sps.transform_bypass = bits.flag();
  sps.has_scaling_matrix = bits.flag();
  if (sps.has_scaling_matrix) sps.scaling = parse_scaling_matrix(bits, default_lists(), true, sps.chroma_format_idc == 3);
}

void parse_poc_fields(BitReader& bits, SequenceParameterSet& sps) {
  sps.poc_type = static_cast<int>(bits.ue_at_most(2, "pic_order_cnt_type above 2"));
  if (sps.poc_type == 0) sps.log2_max_poc_lsb = bits.ue_at_most(12, "log2_max_pic_order_cnt_lsb above 16") + 4;
  if (sps.poc_type != 1) return;
  sps.delta_pic_order_always_zero = bits.flag();
  sps.offset_for_non_ref_pic = bits.se();
  sps.offset_for_top_to_bottom = bits.se();
  sps.offset_for_ref_frame.resize(bits.ue_at_most(255, "num_ref_frames_in_pic_order_cnt_cycle above 255"));
  for (auto& offset : sps.offset_for_ref_frame) offset = bits.se();
}

void parse_cropping(BitReader& bits, SequenceParameterSet& sps) {
  const int array_type = sps.chroma_array_type();
  const int unit_x = array_type == 1 || array_type == 2 ? 2 : 1;
  const int unit_y = (array_type == 1 ? 2 : 1) * (sps.frame_mbs_only ? 1 : 2);
  const auto offset = [&bits](int unit) {
    return static_cast<int>(bits.ue_at_most(1U << 14, "frame cropping beyond any picture")) * unit;
  };
  const int left = offset(unit_x);
  const int right = offset(unit_x);
  const int top = offset(unit_y);
  const int bottom = offset(unit_y);
  if (left + right >= sps.width_in_macroblocks * 16 || top + bottom >= sps.height_in_macroblocks() * 16) {
    throw DamagedData("frame cropping leaves nothing of the picture");
  }
  sps.crop_left = left;
  sps.crop_right = right;
  sps.crop_top = top;
  sps.crop_bottom = bottom;
}

void skip_slice_groups(BitReader& bits, std::uint32_t num_groups) {  // clause 7.3.2.2
  const std::uint32_t type = bits.ue_at_most(6, "slice_group_map_type above 6");
  if (type == 0) {
    for (std::uint32_t i = 0; i < num_groups; ++i) bits.ue();
  } else if (type == 2) {
    for (std::uint32_t i = 0; i + 1 < num_groups; ++i) {
      bits.ue();
      bits.ue();
    }
  } else if (type >= 3 && type <= 5) {
    bits.read(1);
    bits.ue();
  } else if (type == 6) {
    const std::uint32_t units = bits.ue_at_most(1U << 20, "pic_size_in_map_units beyond any level") + 1;
    const unsigned width = num_groups > 4 ? 3 : num_groups > 2 ? 2 : 1;
    bits.skip(static_cast<std::size_t>(units) * width);
  }
}

}  // namespace

int SequenceParameterSet::max_waiting_pictures() const {
  if (poc_type == 2) return 0;
  if (has_bitstream_restriction) return std::max(max_dec_frame_buffering, 1);
  struct Level {
    int idc;
    int max_dpb_macroblocks;
  };
  // Table A-1, MaxDpbMbs.
  constexpr Level kLevels[] = {{9, 396},    {10, 396},   {11, 900},    {12, 2376},   {13, 2376},   {20, 2376},
                               {21, 4752},  {22, 8100},  {30, 8100},   {31, 18000},  {32, 20480},  {40, 32768},
                               {41, 32768}, {42, 34816}, {50, 110400}, {51, 184320}, {52, 184320}, {62, 696320}};
  int macroblocks = 696320;
  for (const Level& level : kLevels) {
    if (level_idc <= level.idc) {
      macroblocks = level.max_dpb_macroblocks;
      break;
    }
  }
  const int frames = macroblocks / (width_in_macroblocks * height_in_macroblocks());
  return std::clamp(std::max(frames, max_num_ref_frames), 1, 16);
}

SequenceParameterSet parse_sps(BitReader bits) {
  SequenceParameterSet sps;
  sps.scaling = flat_lists();
  sps.profile_idc = static_cast<int>(bits.read(8));
  sps.constraint_set3 = (bits.read(8) & 0x10) != 0;
  sps.level_idc = static_cast<int>(bits.read(8));
  sps.id = bits.ue_at_most(31, "seq_parameter_set_id above 31");
  if (has_chroma_syntax(sps.profile_idc)) parse_high_profile_fields(bits, sps);
  sps.log2_max_frame_num = bits.ue_at_most(12, "log2_max_frame_num above 16") + 4;
  parse_poc_fields(bits, sps);
  sps.max_num_ref_frames = static_cast<int>(bits.ue_at_most(16, "max_num_ref_frames above 16"));
  sps.gaps_in_frame_num_allowed = bits.flag();
  sps.width_in_macroblocks = static_cast<int>(bits.ue_at_most(1023, "picture wider than 16384 samples")) + 1;
  sps.height_in_map_units = static_cast<int>(bits.ue_at_most(1023, "picture higher than 16384 samples")) + 1;
  sps.frame_mbs_only = bits.flag();
  if (!sps.frame_mbs_only) sps.mbaff = bits.flag();
  if (sps.height_in_macroblocks() > 1024) throw DamagedData("picture higher than 16384 samples");
  sps.direct_8x8_inference = bits.flag();
  if (bits.flag()) parse_cropping(bits, sps);
  bits.check();
  if (bits.flag()) parse_vui(bits, sps);
  return sps;
}

PictureParameterSet parse_pps(BitReader bits, const SequenceParameterSet& sps) {
  PictureParameterSet pps;
  pps.id = bits.ue_at_most(255, "pic_parameter_set_id above 255");
  pps.sps_id = bits.ue_at_most(31, "seq_parameter_set_id above 31");
  pps.cabac = bits.flag();
  pps.pic_order_present = bits.flag();
  pps.num_slice_groups = bits.ue_at_most(7, "num_slice_groups above 8") + 1;
  if (pps.num_slice_groups > 1) skip_slice_groups(bits, pps.num_slice_groups);
  for (auto& count : pps.num_ref_idx_default) count = bits.ue_at_most(31, "num_ref_idx_default above 32") + 1;
  pps.weighted_pred = bits.flag();
  pps.weighted_bipred_idc = static_cast<int>(bits.read(2));
  pps.pic_init_qp = bits.se() + 26;
  bits.se();  // pic_init_qs
  pps.chroma_qp_index_offset.fill(bits.se());
  pps.deblocking_control_present = bits.flag();
  pps.constrained_intra_pred = bits.flag();
  pps.redundant_pic_cnt_present = bits.flag();
  bits.check();
  pps.scaling = sps.scaling;
  if (bits.more_rbsp_data()) {
    pps.transform_8x8_mode = bits.flag();
    if (bits.flag()) {
      // Fall-back rule set B where the SPS has a matrix, A otherwise (Table 7-2).
      const ScalingLists base = sps.has_scaling_matrix ? sps.scaling : default_lists();
      pps.scaling = parse_scaling_matrix(bits, base, pps.transform_8x8_mode, sps.chroma_format_idc == 3);
    }
    pps.chroma_qp_index_offset[1] = bits.se();
    bits.check();
  }
  for (const int offset : pps.chroma_qp_index_offset) {
    if (offset < -12 || offset > 12) throw DamagedData("chroma_qp_index_offset beyond +-12");
  }
  return pps;
}

void ParameterSets::add_sps(const NalUnit& nal) {
  SequenceParameterSet sps = parse_sps(nal.bits());
  const std::uint32_t id = sps.id;
  Entry<SequenceParameterSet>& entry = sps_[id];
  if (entry.set && std::ranges::equal(entry.payload, nal.payload())) return;
  entry.payload.assign(nal.payload().begin(), nal.payload().end());
  entry.set = std::make_shared<const SequenceParameterSet>(std::move(sps));
  for (auto& [pps_id, pps] : pps_) parse_again(id, pps);
}

void ParameterSets::parse_again(std::uint32_t id, Entry<PictureParameterSet>& entry) {
  std::vector<std::uint8_t> padded(entry.payload);
  padded.resize(padded.size() + kPadding);
  std::size_t last = entry.payload.size();
  while (last > 0 && padded[last - 1] == 0) --last;
  if (last == 0) return;
  const std::size_t num_bits = last * 8 - 1 - static_cast<std::size_t>(std::countr_zero(padded[last - 1]));
  BitReader bits(padded.data(), entry.payload.size(), num_bits);
  BitReader head = bits;
  head.ue();
  if (head.ue() != id) return;
  entry.set = std::make_shared<const PictureParameterSet>(parse_pps(bits, *sps_[id].set));
}

void ParameterSets::add_pps(const NalUnit& nal) {
  BitReader head = nal.bits();
  const std::uint32_t id = head.ue_at_most(255, "pic_parameter_set_id above 255");
  const std::uint32_t sps_id = head.ue_at_most(31, "seq_parameter_set_id above 31");
  Entry<PictureParameterSet>& entry = pps_[id];
  if (entry.set && std::ranges::equal(entry.payload, nal.payload())) return;
  entry.payload.assign(nal.payload().begin(), nal.payload().end());
  entry.set = nullptr;
  if (sps(sps_id)) parse_again(sps_id, entry);
}

std::shared_ptr<const PictureParameterSet> ParameterSets::pps(std::uint32_t id) const {
  const auto found = pps_.find(id);
  return found == pps_.end() ? nullptr : found->second.set;
}

std::shared_ptr<const SequenceParameterSet> ParameterSets::sps(std::uint32_t id) const {
  const auto found = sps_.find(id);
  return found == sps_.end() ? nullptr : found->second.set;
}

}  // namespace videotx::h264
