// Data partitioning (6.2.5.3): motion or intra DC of all macroblocks of a packet, then patterns, then coefficients.
#include "mpeg4/vop_reader.h"

namespace videotx::mpeg4 {
namespace {

constexpr std::uint32_t kMotionMarker = 0x1F001;
constexpr int kMotionMarkerBits = 17;
constexpr std::uint32_t kDcMarker = 0x6B001;
constexpr int kDcMarkerBits = 19;

constexpr int kInterQ = 1;
constexpr int kInter4V = 2;
constexpr int kIntra = 3;
constexpr int kIntraQ = 4;

}  // namespace

bool VopReader::read_partitioned_packet() {
  const bool i_vop = vop_.type == VopType::kI;
  const std::uint32_t marker = i_vop ? kDcMarker : kMotionMarker;
  const int marker_bits = i_vop ? kDcMarkerBits : kMotionMarkerBits;
  int end = next_;
  for (; end < num_macroblocks_ && bits_.peek(marker_bits) != marker; ++end) {
    const std::size_t start = bits_.position();
    if (!(i_vop ? read_first_partition_intra(end) : read_first_partition_inter(end)) || bits_.overrun()) return false;
    add_bits(end, start);
  }
  if (bits_.read(marker_bits) != marker) return false;
  for (int number = next_; number < end; ++number) {
    const std::size_t start = bits_.position();
    if (!read_second_partition(number) || bits_.overrun()) return false;
    add_bits(number, start);
  }
  const int first = next_;
  next_ = end;
  for (int number = first; number < end; ++number) {
    const std::size_t start = bits_.position();
    if (!read_third_partition(number) || bits_.overrun()) return false;
    add_bits(number, start);
  }
  return true;
}

bool VopReader::read_first_partition_intra(int number) {
  int mcbpc = 0;
  do {
    mcbpc = kMcbpcIntra.read(bits_);
  } while (mcbpc == kMcbpcIntraStuffing);
  if (mcbpc < 0) return false;
  Partitioned& part = partitioned_[static_cast<std::size_t>(number)];
  part = {.mb_type = kIntra, .cbp = mcbpc & 3, .dc_coded = quantiser_ < vop_.intra_dc_threshold};
  if ((mcbpc & 4) != 0) change_quantiser(bits_.read(2));
  put_class(place(number), MacroblockClass::kIntraMpeg4);
  for (int block = 0; part.dc_coded && block < 6; ++block) {
    if (!read_intra_dc(block)) return false;
  }
  return true;
}

bool VopReader::read_first_partition_inter(int number) {
  const Macroblock mb = place(number);
  Partitioned& part = partitioned_[static_cast<std::size_t>(number)];
  int mcbpc = 0;
  do {
    if (bits_.read_flag()) {
      part = {};
      put_not_coded(mb);
      return true;
    }
    mcbpc = kMcbpcInter.read(bits_);
  } while (mcbpc == kMcbpcInterStuffing);
  if (mcbpc < 0) return false;
  const int mb_type = mcbpc >> 2;
  part = {.mb_type = mb_type, .cbp = mcbpc & 3, .changes_quantiser = mb_type == kInterQ || mb_type == kIntraQ};
  if (mb_type == kIntra || mb_type == kIntraQ) {
    put_class(mb, MacroblockClass::kIntraMpeg4);
    motion_.set(mb.column, mb.row, {});
    return true;
  }
  if (global_motion_ && mb_type != kInter4V && bits_.read_flag()) {
    put_global(mb, MacroblockClass::kGmc);
    return true;
  }
  put_class(mb, MacroblockClass::kInterP);
  return read_motion(mb, mb_type == kInter4V);
}

bool VopReader::read_second_partition(int number) {
  Partitioned& part = partitioned_[static_cast<std::size_t>(number)];
  std::int8_t& qp = picture_.qp[static_cast<std::size_t>(number)];
  const bool intra = part.mb_type == kIntra || part.mb_type == kIntraQ;
  if (part.mb_type != kNothing) {
    if (intra) bits_.skip(1);  // ac_pred_flag
    const int cbpy = kCbpy.read(bits_);
    if (cbpy < 0) return false;
    part.cbp |= (intra ? cbpy : cbpy ^ 15) << 2;
  }
  if (vop_.type == VopType::kI) return true;  // quantiser and DC came with the first partition
  if (intra) part.dc_coded = quantiser_ < vop_.intra_dc_threshold;
  if (part.changes_quantiser) change_quantiser(bits_.read(2));
  qp = static_cast<std::int8_t>(quantiser_);
  for (int block = 0; part.dc_coded && block < 6; ++block) {
    if (!read_intra_dc(block)) return false;
  }
  return true;
}

bool VopReader::read_third_partition(int number) {
  const Partitioned& part = partitioned_[static_cast<std::size_t>(number)];
  if (part.mb_type == kNothing) return true;
  Macroblock mb = place(number);
  mb.cbp = part.cbp;
  mb.intra = part.mb_type == kIntra || part.mb_type == kIntraQ;
  mb.dc_coded = part.dc_coded;
  const int running = quantiser_;
  quantiser_ = picture_.qp[static_cast<std::size_t>(number)];
  const bool sound = read_blocks(mb);
  quantiser_ = running;
  return sound;
}

}  // namespace videotx::mpeg4
