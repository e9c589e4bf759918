#include "h264/slice_header.h"

#include <algorithm>

namespace videotx::h264 {
namespace {

void parse_modifications(BitReader& bits, std::vector<ListModification>& list) {  // clause 7.3.3.1
  if (!bits.flag()) return;
  for (;;) {
    const std::uint32_t idc = bits.ue_at_most(3, "modification_of_pic_nums_idc above 3");
    if (idc == 3) return;
    if (list.size() > 66) throw DamagedData("endless reference list modification");
    list.push_back({idc, bits.ue()});
  }
}

void parse_weights(BitReader& bits, SliceHeader& header) {  // clause 7.3.3.2
  const bool chroma = header.sps->chroma_array_type() != 0;
  header.luma_log2_denominator = bits.ue_at_most(7, "luma_log2_weight_denom above 7");
  if (chroma) header.chroma_log2_denominator = bits.ue_at_most(7, "chroma_log2_weight_denom above 7");
  const auto luma_default = static_cast<std::int16_t>(1 << header.luma_log2_denominator);
  const auto chroma_default = static_cast<std::int16_t>(1 << header.chroma_log2_denominator);
  for (std::size_t list = 0; list < (header.is_b() ? 2U : 1U); ++list) {
    header.weights[list].resize(header.num_ref_idx[list]);
    for (PredictionWeight& w : header.weights[list]) {
      w = {{luma_default, chroma_default, chroma_default}, {0, 0, 0}};
      const auto read = [&](std::size_t component) {
        w.weight[component] = static_cast<std::int16_t>(std::clamp(bits.se(), -128, 127));
        w.offset[component] = static_cast<std::int16_t>(std::clamp(bits.se(), -128, 127));
      };
      if (bits.flag()) read(0);
      if (chroma && bits.flag()) {
        read(1);
        read(2);
      }
    }
  }
}

void parse_marking(BitReader& bits, SliceHeader& header) {  // clause 7.3.3.3
  if (header.idr) {
    header.no_output_of_prior_pics = bits.flag();
    header.long_term_reference = bits.flag();
    return;
  }
  header.adaptive_marking = bits.flag();
  if (!header.adaptive_marking) return;
  for (;;) {
    MarkingOperation op{bits.ue_at_most(6, "memory_management_control_operation above 6")};
    if (op.operation == 0) return;
    if (op.operation != 5) op.first = bits.ue();
    if (op.operation == 3) op.second = bits.ue();
    if (header.marking.size() > 66) throw DamagedData("endless reference marking");
    header.marking.push_back(op);
  }
}

void parse_picture_order(BitReader& bits, SliceHeader& header) {
  const SequenceParameterSet& sps = *header.sps;
  const bool bottom_delta = header.pps->pic_order_present && !header.field_pic;
  if (sps.poc_type == 0) {
    header.pic_order_cnt_lsb = bits.read(sps.log2_max_poc_lsb);
    if (bottom_delta) header.delta_pic_order_cnt_bottom = bits.se();
  } else if (sps.poc_type == 1 && !sps.delta_pic_order_always_zero) {
    header.delta_pic_order_cnt[0] = bits.se();
    if (bottom_delta) header.delta_pic_order_cnt[1] = bits.se();
  }
}

void parse_reference_syntax(BitReader& bits, SliceHeader& header) {
  if (header.is_b()) header.direct_spatial = bits.flag();
  if (header.is_intra()) return;
  const std::size_t num_lists = header.is_b() ? 2 : 1;
  header.num_ref_idx = header.pps->num_ref_idx_default;
  if (bits.flag()) {
    for (std::size_t list = 0; list < num_lists; ++list) {
      header.num_ref_idx[list] = bits.ue_at_most(31, "num_ref_idx_active above 32") + 1;
    }
  }
  if (num_lists == 1) header.num_ref_idx[1] = 0;
  // Field macroblocks of MBAFF frames have two entries for each.
  if (header.mbaff() && std::ranges::max(header.num_ref_idx) > 16) throw DamagedData("num_ref_idx_active above 16");
  for (std::size_t list = 0; list < num_lists; ++list) parse_modifications(bits, header.modifications[list]);
  const PictureParameterSet& pps = *header.pps;
  if (header.is_b()) {
    header.weighted_bipred_idc = pps.weighted_bipred_idc;
  } else {
    header.weighted_bipred_idc = pps.weighted_pred ? 1 : 0;
  }
  if (header.weighted_bipred_idc == 1) parse_weights(bits, header);
}

}  // namespace

bool SliceHeader::has_marking(std::uint32_t operation) const {
  return std::ranges::any_of(marking, [operation](const MarkingOperation& op) { return op.operation == operation; });
}

const char* unsupported_tool(const SequenceParameterSet& sps) {
  if (sps.separate_colour_plane) return "separate colour planes";
  if (sps.mbaff && sps.chroma_format_idc == 3) return "macroblock-adaptive frame/field coding (MBAFF) of 4:4:4";
  return nullptr;
}

const char* unsupported_tool(const PictureParameterSet& pps) {
  return pps.num_slice_groups > 1 ? "flexible macroblock ordering (slice groups)" : nullptr;
}

SliceHeader parse_slice_header(BitReader& bits, const NalUnit& nal, const ParameterSets& sets) {
  SliceHeader header;
  header.nal_ref_idc = nal.ref_idc();
  header.idr = nal.type() == NalType::kIdrSlice;
  header.first_mb = bits.ue();
  header.type = static_cast<SliceType>(bits.ue_at_most(9, "slice_type above 9") % 5);
  header.pps = sets.pps(bits.ue_at_most(255, "pic_parameter_set_id above 255"));
  if (!header.pps) throw DamagedData("slice refers to a picture parameter set that is not there");
  header.sps = sets.sps(header.pps->sps_id);
  if (!header.sps) throw DamagedData("slice refers to a sequence parameter set that is not there");
  const SequenceParameterSet& sps = *header.sps;
  if (const char* tool = unsupported_tool(sps)) throw UnsupportedStream(tool);
  if (const char* tool = unsupported_tool(*header.pps)) throw UnsupportedStream(tool);
  if (header.type == SliceType::kSp || header.type == SliceType::kSi) throw UnsupportedStream("SP and SI slices");

  header.frame_num = bits.read(sps.log2_max_frame_num);
  if (!sps.frame_mbs_only) {
    header.field_pic = bits.flag();
    if (header.field_pic) header.bottom_field = bits.flag();
  }
  // Counted in macroblocks of the picture, in pairs with MBAFF.
  const bool half = header.field_pic || header.mbaff();
  const auto num_places = static_cast<std::uint32_t>(sps.width_in_macroblocks * sps.height_in_macroblocks());
  if (header.first_mb >= (half ? num_places / 2 : num_places)) throw DamagedData("first_mb_in_slice beyond the picture");
  if (header.idr) header.idr_pic_id = bits.ue_at_most(65535, "idr_pic_id above 65535");
  parse_picture_order(bits, header);
  if (header.pps->redundant_pic_cnt_present) header.redundant_pic_cnt = bits.ue_at_most(127, "redundant_pic_cnt above 127");
  parse_reference_syntax(bits, header);
  if (header.nal_ref_idc != 0) parse_marking(bits, header);
  if (header.pps->cabac && !header.is_intra()) header.cabac_init_idc = bits.ue_at_most(2, "cabac_init_idc above 2");
  header.qp = header.pps->pic_init_qp + bits.se();
  if (header.qp < -6 * (sps.bit_depth_luma - 8) || header.qp > 51) throw DamagedData("slice QP out of range");
  if (header.pps->deblocking_control_present && bits.ue_at_most(2, "disable_deblocking_filter_idc above 2") != 1) {
    bits.se();
    bits.se();
  }
  bits.check();
  return header;
}

bool starts_new_picture(const SliceHeader& a, const SliceHeader& b) {
  return a.frame_num != b.frame_num || a.pps->id != b.pps->id || a.sps != b.sps || a.field_pic != b.field_pic ||
         a.bottom_field != b.bottom_field || (a.nal_ref_idc == 0) != (b.nal_ref_idc == 0) || a.idr != b.idr ||
         (a.idr && a.idr_pic_id != b.idr_pic_id) || a.pic_order_cnt_lsb != b.pic_order_cnt_lsb ||
         a.delta_pic_order_cnt_bottom != b.delta_pic_order_cnt_bottom || a.delta_pic_order_cnt != b.delta_pic_order_cnt;
}

}  // namespace videotx::h264
