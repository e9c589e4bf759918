// The slice header (clause 7.3.3).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "h264/bit_reader.h"
#include "h264/nal.h"
#include "h264/parameter_sets.h"

namespace videotx::h264 {

// What of a frame a picture, a slice or a reference is. The values of the fields are bits of the frame's.
enum class Structure : std::uint8_t { kTop = 1, kBottom = 2, kFrame = 3 };
// Parity of a field: 0 top, 1 bottom.
constexpr std::size_t parity_of(Structure field) { return field == Structure::kBottom ? 1 : 0; }
constexpr Structure field_of(std::size_t parity) { return parity == 0 ? Structure::kTop : Structure::kBottom; }
constexpr Structure opposite(Structure field) { return field_of(1 - parity_of(field)); }

enum class SliceType : std::uint8_t { kP = 0, kB = 1, kI = 2, kSp = 3, kSi = 4 };

// One step of ref_pic_list_modification() or dec_ref_pic_marking(), as coded.
struct ListModification {
  std::uint32_t idc;
  std::uint32_t value;  // abs_diff_pic_num_minus1 or long_term_pic_num
};
struct MarkingOperation {
  std::uint32_t operation;  // memory_management_control_operation
  std::uint32_t first = 0;  // difference_of_pic_nums_minus1, long_term_pic_num, long_term_frame_idx or max plus 1
  std::uint32_t second = 0;  // long_term_frame_idx of operation 3
};

// Explicit weights of one reference for luma, Cb and Cr (clause 7.4.3.2).
struct PredictionWeight {
  std::array<std::int16_t, 3> weight;
  std::array<std::int16_t, 3> offset;
};

struct SliceHeader {
  std::shared_ptr<const SequenceParameterSet> sps;
  std::shared_ptr<const PictureParameterSet> pps;
  int nal_ref_idc = 0;
  bool idr = false;
  std::uint32_t first_mb = 0;
  SliceType type = SliceType::kI;
  std::uint32_t frame_num = 0;
  bool field_pic = false;
  bool bottom_field = false;
  std::uint32_t idr_pic_id = 0;
  std::uint32_t pic_order_cnt_lsb = 0;
  std::int32_t delta_pic_order_cnt_bottom = 0;
  std::array<std::int32_t, 2> delta_pic_order_cnt{};
  std::uint32_t redundant_pic_cnt = 0;
  bool direct_spatial = false;
  std::array<std::uint32_t, 2> num_ref_idx{};
  std::array<std::vector<ListModification>, 2> modifications;
  int weighted_bipred_idc = 0;  // 0 default, 1 explicit, 2 implicit; also says whether P weights are explicit
  unsigned luma_log2_denominator = 0;
  unsigned chroma_log2_denominator = 0;
  std::array<std::vector<PredictionWeight>, 2> weights;  // empty unless explicit
  bool no_output_of_prior_pics = false;
  bool long_term_reference = false;  // of an IDR picture
  bool adaptive_marking = false;
  std::vector<MarkingOperation> marking;
  unsigned cabac_init_idc = 0;
  int qp = 26;

  [[nodiscard]] Structure structure() const { return field_pic ? field_of(bottom_field ? 1 : 0) : Structure::kFrame; }
  // MbaffFrameFlag: macroblocks come in pairs, each of two frame or of two field macroblocks.
  [[nodiscard]] bool mbaff() const { return sps->mbaff && !field_pic; }
  [[nodiscard]] bool is_b() const { return type == SliceType::kB; }
  [[nodiscard]] bool is_intra() const { return type == SliceType::kI || type == SliceType::kSi; }
  [[nodiscard]] bool has_marking(std::uint32_t operation) const;
};

// Reads the header and leaves `bits` at slice_data(). Throws DamagedData, or UnsupportedStream naming the tool.
SliceHeader parse_slice_header(BitReader& bits, const NalUnit& nal, const ParameterSets& sets);

// Why streams under these sets cannot be read; null where they can.
const char* unsupported_tool(const SequenceParameterSet& sps);
const char* unsupported_tool(const PictureParameterSet& pps);

// First slice of a new primary coded picture (clause 7.4.1.2.4).
bool starts_new_picture(const SliceHeader& previous, const SliceHeader& current);

}  // namespace videotx::h264
