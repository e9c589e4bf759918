#include <algorithm>
#include <bit>

#include "mpeg4/headers.h"

namespace videotx::mpeg4 {
namespace {

constexpr int kDcThresholds[8] = {99, 13, 15, 17, 19, 21, 23, 0};  // Table 6-21

int read_modulo_time_base(BitReader& bits) {
  int seconds = 0;
  while (bits.bits_left() > 0 && bits.read_flag()) ++seconds;
  return seconds;
}

// Streams whose layer header is missing or wrong: the width of vop_time_increment that makes the fixed bits behind it
// (marker, vop_coded and, for P and S, a plausible intra_dc_vlc_thr of 0) come out right.
int guess_time_increment_bits(const BitReader& bits, const VideoObjectLayer& vol, VopType type) {
  const bool has_rounding = type == VopType::kP || (type == VopType::kS && vol.gmc);
  for (int width = 1; width < 16; ++width) {
    if (has_rounding ? (bits.peek(width + 6) & 0x37) == 0x30 : (bits.peek(width + 5) & 0x1F) == 0x18) return width;
  }
  return 16;
}

// The f_codes and the like, which end a VOP header and a header extension alike.
bool read_f_codes(BitReader& bits, Vop& vop) {
  vop.f_code_forward = 1;
  vop.f_code_backward = 1;
  if (vop.type != VopType::kI) vop.f_code_forward = static_cast<int>(bits.read(3));
  if (vop.type == VopType::kB) vop.f_code_backward = static_cast<int>(bits.read(3));
  return vop.f_code_forward != 0 && vop.f_code_backward != 0;
}

}  // namespace

int Vop::resync_zeros() const {
  switch (type) {
    case VopType::kI:
      return 16;
    case VopType::kB:
      return 15 + std::max({f_code_forward, f_code_backward, 2});
    default:
      return 15 + f_code_forward;
  }
}

bool read_vop_start(BitReader& bits, VideoObjectLayer& vol, Vop& vop) {
  vop.type = static_cast<VopType>(bits.read(2));
  vop.modulo_seconds = read_modulo_time_base(bits);
  bits.marker();
  if ((bits.peek(vol.time_increment_bits + 1) & 1) == 0) {
    vol.time_increment_bits = guess_time_increment_bits(bits, vol, vop.type);
  }
  vop.time_increment = static_cast<int>(bits.read(vol.time_increment_bits));
  bits.marker();
  vop.coded = bits.read_flag();
  return !bits.overrun();
}

bool read_vop_rest(BitReader& bits, const VideoObjectLayer& vol, const Encoder& encoder, Vop& vop) {
  vop.rounding = (vop.type == VopType::kP || vop.uses_gmc(vol)) && bits.read_flag();
  bits.skip(static_cast<std::size_t>(vol.complexity.i));
  if (vop.type != VopType::kI) bits.skip(static_cast<std::size_t>(vol.complexity.p));
  if (vop.type == VopType::kB) bits.skip(static_cast<std::size_t>(vol.complexity.b));
  vop.intra_dc_threshold = kDcThresholds[bits.read(3)];
  vop.top_field_first = vol.interlaced && bits.read_flag();
  vop.alternate_scan = vol.interlaced && bits.read_flag();
  if (vop.uses_gmc(vol)) {
    if (!read_warp_points(bits, vol.num_warping_points, encoder, vop.warp_points)) return false;
    if (vol.brightness_change) throw Unsupported("sprite brightness change");
  }
  vop.quantiser = static_cast<int>(bits.read(vol.quant_precision));
  return vop.quantiser != 0 && read_f_codes(bits, vop) && !bits.overrun();
}

int read_group_of_vop(BitReader& bits) {
  const int hours = static_cast<int>(bits.read(5));
  const int minutes = static_cast<int>(bits.read(6));
  bits.marker();
  const int seconds = static_cast<int>(bits.read(6));
  bits.skip(2);  // closed_gov, broken_link
  return (hours * 60 + minutes) * 60 + seconds;
}

int read_video_packet_header(BitReader& bits, const VideoObjectLayer& vol, const Encoder& encoder, Vop& vop,
                             int& quantiser) {
  const int total = vol.macroblock_columns() * vol.macroblock_rows();
  const int number_bits = std::max(1, static_cast<int>(std::bit_width(static_cast<std::uint32_t>(total - 1))));
  const int number = static_cast<int>(bits.read(number_bits));
  if (number >= total || number == 0) return -1;
  const int value = static_cast<int>(bits.read(vol.quant_precision));
  if (value != 0) quantiser = value;
  if (bits.read_flag()) {  // header_extension_code: repeats of the VOP header, believed to be equal to it
    read_modulo_time_base(bits);
    bits.marker();
    bits.skip(static_cast<std::size_t>(vol.time_increment_bits));
    bits.marker();
    bits.skip(2);  // vop_coding_type
    vop.intra_dc_threshold = kDcThresholds[bits.read(3)];
    if (vop.uses_gmc(vol)) {
      WarpPoints repeated{};
      if (!read_warp_points(bits, vol.num_warping_points, encoder, repeated)) return -1;
    }
    if (!read_f_codes(bits, vop)) return -1;
  }
  return bits.overrun() ? -1 : number;
}

}  // namespace videotx::mpeg4
