// Macroblocks of I-, P- and S-VOPs (6.2.6): macroblock types, coded block patterns, motion.
#include <algorithm>

#include "mpeg4/vop_reader.h"

namespace videotx::mpeg4 {
namespace {

// mbtype of Table B-7
constexpr int kInterQ = 1;
constexpr int kInter4V = 2;
constexpr int kIntra = 3;
constexpr int kIntraQ = 4;

}  // namespace

VopReader::Macroblock VopReader::place(int number) const {
  Macroblock mb;
  mb.number = number;
  mb.row = number / columns_;
  mb.column = number - mb.row * columns_;
  return mb;
}

bool VopReader::read_macroblock(int number) {
  Macroblock mb = place(number);
  if (vop_.type == VopType::kI) {
    int mcbpc = 0;
    do {
      mcbpc = kMcbpcIntra.read(bits_);
    } while (mcbpc == kMcbpcIntraStuffing);
    if (mcbpc < 0) return false;
    mb.cbp = mcbpc & 3;
    return read_intra(mb, (mcbpc & 4) != 0);
  }
  Window head(bits_);  // up to the vectors, 22 bits at most
  int mcbpc = kMcbpcInterStuffing;
  while (!head.read_flag()) {
    mcbpc = kMcbpcInter.read(head);
    if (mcbpc != kMcbpcInterStuffing) break;
    bits_.skip(head.length());
    head = Window(bits_);
  }
  if (mcbpc == kMcbpcInterStuffing) {
    bits_.skip(head.length());
    put_not_coded(mb);
    return true;
  }
  const int mb_type = mcbpc >> 2;
  mb.cbp = mcbpc & 3;
  if (mcbpc >= 0 && mb_type != kIntra && mb_type != kIntraQ) return read_inter(mb, mb_type, head);
  bits_.skip(head.length());
  return mcbpc >= 0 && read_intra(mb, mb_type == kIntraQ);
}

bool VopReader::read_intra(Macroblock& mb, bool changes_quantiser) {
  mb.intra = true;
  bits_.skip(1);  // ac_pred_flag
  const int cbpy = kCbpy.read(bits_);
  if (cbpy < 0) return false;
  mb.cbp |= cbpy << 2;
  mb.dc_coded = quantiser_ < vop_.intra_dc_threshold;
  if (changes_quantiser) change_quantiser(bits_.read(2));
  if (vol_.interlaced) bits_.skip(1);  // dct_type
  motion_.set(mb.column, mb.row, {});
  put_class(mb, MacroblockClass::kIntraMpeg4);
  return read_blocks(mb);
}

// `head` stands behind mcbpc.
bool VopReader::read_inter(Macroblock& mb, int mb_type, Window head) {
  const bool global = global_motion_ && mb_type != kInter4V && head.read_flag();  // mcsel
  const int cbpy = kCbpy.read(head);
  if (cbpy < 0) {
    bits_.skip(head.length());
    return false;
  }
  mb.cbp |= (cbpy ^ 15) << 2;
  if (mb_type == kInterQ) change_quantiser(head.read(2));
  if (vol_.interlaced && mb.cbp != 0) mb.field_dct = head.read_flag();
  const bool field_prediction = vol_.interlaced && !global && mb_type != kInter4V && head.read_flag();
  bits_.skip(head.length());
  if (global) {
    put_global(mb, MacroblockClass::kGmc);
  } else {
    put_class(mb, MacroblockClass::kInterP);
    if (!(field_prediction ? read_field_motion(mb) : read_motion(mb, mb_type == kInter4V))) return false;
  }
  return read_blocks(mb);
}

bool VopReader::read_motion(const Macroblock& mb, bool four_vectors) {
  if (four_vectors) {
    motion_.flags[static_cast<std::size_t>(mb.number)] = MotionField::kFourVectors;
    for (int block = 0; block < 4; ++block) {
      const Vector prediction = motion_.predict(mb.column, mb.row, block, first_);
      Vector& vector = motion_.vectors[motion_.index(mb.column, mb.row, block)];
      if (!read_vector(bits_, prediction, vop_.f_code_forward, vector)) return false;
    }
  } else {
    Vector vector;
    const Vector prediction = motion_.predict(mb.column, mb.row, 0, first_);
    if (!read_vector(bits_, prediction, vop_.f_code_forward, vector)) return false;
    motion_.set(mb.column, mb.row, vector);
  }
  put_vectors(mb, 0, motion_.macroblock(mb.column, mb.row));
  return true;
}

bool VopReader::read_field_motion(const Macroblock& mb) {
  FieldVectors fields;
  for (std::uint8_t& is_bottom : fields.reference_is_bottom) is_bottom = bits_.read_flag() ? 1 : 0;
  Vector prediction = motion_.predict(mb.column, mb.row, 0, first_);
  prediction.y = static_cast<std::int16_t>(prediction.y / 2);
  for (Vector& vector : fields.vector) {
    if (!read_vector(bits_, prediction, vop_.f_code_forward, vector)) return false;
  }
  picture_.field_motion = true;
  motion_.flags[static_cast<std::size_t>(mb.number)] = MotionField::kFieldPrediction;
  motion_.fields[static_cast<std::size_t>(mb.number)] = fields;
  motion_.set(mb.column, mb.row, frame_vector(fields));
  put_vectors(mb, 0, motion_.macroblock(mb.column, mb.row));
  return true;
}

void VopReader::put_global(const Macroblock& mb, MacroblockClass value) {
  motion_.set(mb.column, mb.row,
              global_.macroblock_vector(mb.column, mb.row, vol_.quarter_sample, vop_.f_code_forward));
  put_class(mb, value);
  put_vectors(mb, 0, motion_.macroblock(mb.column, mb.row));
}

void VopReader::put_not_coded(const Macroblock& mb) {
  if (global_motion_) {
    put_global(mb, MacroblockClass::kGmcNotCoded);
    return;
  }
  motion_.flags[static_cast<std::size_t>(mb.number)] = MotionField::kNotCoded;
  motion_.set(mb.column, mb.row, {});
  put_class(mb, MacroblockClass::kSkipP);
  put_vectors(mb, 0, {});
}

// By dquant of I-, P- and S-VOPs, Table 6-32.
void VopReader::change_quantiser(std::uint32_t dquant) {
  constexpr int kChange[4] = {-1, -2, 1, 2};
  quantiser_ = std::clamp(quantiser_ + kChange[dquant], 1, 31);
}

}  // namespace videotx::mpeg4
