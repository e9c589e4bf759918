#include "mpeg4/vop_reader.h"

namespace videotx::mpeg4 {

VopReader::VopReader(const VopContext& context, BitReader bits, MotionField& motion, CodedPicture& picture)
    : vol_(context.vol),
      encoder_(context.encoder),
      vop_(context.vop),
      direct_times_(context.direct_times),
      colocated_(context.colocated),
      residual_(context.residual),
      bits_(bits),
      motion_(motion),
      picture_(picture),
      global_motion_(vop_.uses_gmc(vol_)),
      columns_(vol_.macroblock_columns()),
      num_macroblocks_(vol_.macroblock_columns() * vol_.macroblock_rows()),
      quantiser_(vop_.quantiser),
      queue_(encoder_.xvid()) {
  const bool reversible = vol_.reversible_vlc && vol_.data_partitioned && vop_.type != VopType::kB;
  inter_.table = reversible ? &kCoefficientsInterRvlc : &kCoefficientsInter;
  inter_.reversible = reversible;
  inter_.scan = vop_.alternate_scan ? &kAlternateVerticalScan : &kZigzagScan;
  inter_.matrix = vol_.mpeg_quantisation ? &vol_.inter_matrix : nullptr;
  intra_ = {reversible ? &kCoefficientsIntraRvlc : &kCoefficientsIntra, reversible};
  if (global_motion_) {
    global_ = GlobalMotion(vol_.width, vol_.height, vol_.num_warping_points, vol_.warping_accuracy, vop_.warp_points,
                           encoder_);
  }
  if (vol_.data_partitioned && vop_.type != VopType::kB) {
    partitioned_.resize(static_cast<std::size_t>(num_macroblocks_));
  }
}

void VopReader::read() {
  read_packets();
  queue_.flush();
}

void VopReader::read_packets() {
  read_packet();
  while (next_ < num_macroblocks_) {
    if (!skip_resync_marker()) {
      picture_.damaged = true;
      if (!seek_resync_marker()) return;
    }
    if (enter_packet()) {
      read_packet();
    } else {
      picture_.damaged = true;
    }
  }
}

// Macroblocks up to the next resync marker, the end of the VOP or an error.
void VopReader::read_packet() {
  first_ = next_;
  last_ = {};
  if (!partitioned_.empty()) {
    if (!read_partitioned_packet()) picture_.damaged = true;
    return;
  }
  const bool b_vop = vop_.type == VopType::kB;
  while (next_ < num_macroblocks_) {
    const std::size_t start = bits_.position();
    const bool sound = b_vop ? read_b_macroblock(next_) : read_macroblock(next_);
    if (!sound || bits_.overrun()) {
      picture_.damaged = true;
      picture_.macroblock_class[static_cast<std::size_t>(next_)] = static_cast<std::uint8_t>(MacroblockClass::kMissing);
      return;
    }
    add_bits(next_, start);
    ++next_;
    if (next_ < num_macroblocks_ && at_resync_marker() && !(b_vop && skipped_before_marker())) return;
  }
}

// Whether the stuffing of 6.3.5.2 (a zero, ones up to the byte boundary) and the marker behind it come next. Stuffing
// macroblocks before it are skipped.
bool VopReader::at_resync_marker() {
  if (bits_.peek(9) <= 1) skip_stuffing_macroblocks();
  const int to_boundary = 8 - static_cast<int>(bits_.position() & 7);
  BitReader ahead = bits_;
  ahead.skip(static_cast<std::size_t>(to_boundary));
  // The zeros are looked at first: few other places have that many.
  const int zeros = vop_.resync_zeros();
  if (ahead.peek(zeros + 1) != 1 || ahead.bits_left() <= static_cast<std::size_t>(zeros)) return false;
  return bits_.peek(to_boundary) == (1U << (to_boundary - 1)) - 1;
}

void VopReader::skip_stuffing_macroblocks() {
  if (vop_.type == VopType::kB || !partitioned_.empty()) return;
  const int length = vop_.type == VopType::kI ? 9 : 10;  // behind a not_coded of 0
  while (bits_.peek(length) == 1) bits_.skip(static_cast<std::size_t>(length));
}

bool VopReader::skip_resync_marker() {
  if (!at_resync_marker()) return false;
  bits_.skip(8 - (bits_.position() & 7));
  bits_.skip(static_cast<std::size_t>(vop_.resync_zeros()) + 1);
  return true;
}

// Behind the next resync marker there is, or to the end of the data.
bool VopReader::seek_resync_marker() {
  const int zeros = vop_.resync_zeros();
  for (bits_.align(); bits_.bits_left() > static_cast<std::size_t>(zeros); bits_.skip(8)) {
    if (bits_.peek(zeros + 1) == 1) {
      bits_.skip(static_cast<std::size_t>(zeros) + 1);
      return true;
    }
  }
  bits_.seek(bits_.num_bits());
  return false;
}

// Behind a resync marker: the header of its packet.
bool VopReader::enter_packet() {
  Vop vop = vop_;
  int quantiser = quantiser_;
  const int number = read_video_packet_header(bits_, vol_, encoder_, vop, quantiser);
  // Macroblocks of a B-VOP may take no bits at all: going back to them could be repeated without end.
  if (number < 0 || (number < next_ && vop_.type == VopType::kB)) return false;
  if (number != next_) picture_.damaged = true;
  vop_ = vop;
  quantiser_ = quantiser;
  next_ = number;
  return true;
}

// At a resync marker of a B-VOP: whether the next macroblock, which takes no bits, still belongs to this packet.
bool VopReader::skipped_before_marker() const {
  if (!colocated_skipped(next_)) return false;
  BitReader ahead = bits_;
  ahead.skip(8 - (ahead.position() & 7));
  ahead.skip(static_cast<std::size_t>(vop_.resync_zeros()) + 1);
  Vop vop = vop_;
  int quantiser = quantiser_;
  return next_ < read_video_packet_header(ahead, vol_, encoder_, vop, quantiser);
}

bool VopReader::colocated_skipped(int number) const {
  return (colocated_.flags[static_cast<std::size_t>(number)] & MotionField::kNotCoded) != 0;
}

}  // namespace videotx::mpeg4
