#include "mpeg4/reader.h"

#include <algorithm>
#include <utility>

#include "mpeg4/vop_reader.h"

namespace videotx::mpeg4 {
namespace {

// A packet this short holds no picture: with a VOP kept back, it only marks the time to display that one.
constexpr std::size_t kLongestFiller = 19;
// And this short it is nothing but a header: not worth keeping.
constexpr std::size_t kShortestVop = 7;

void assign_padded(std::vector<std::uint8_t>& to, std::span<const std::uint8_t> from) {
  to.assign(from.begin(), from.end());
  to.resize(from.size() + BitReader::kPadding, 0);
}

// From the next start code at or after byte `from`: its position, or the size where there is none.
std::size_t find_start_code(const BitReader& bits, std::size_t from) {
  for (std::size_t i = from; i + 4 <= bits.num_bytes(); ++i) {
    if (bits.byte(i) == 0 && bits.byte(i + 1) == 0 && bits.byte(i + 2) == 1) return i;
  }
  return bits.num_bytes();
}

char letter(VopType type) {
  constexpr char kLetters[] = {'I', 'P', 'B', 'S'};
  return kLetters[static_cast<int>(type)];
}

// Macroblocks that were never read: that nothing is known of their motion must show.
void mark_missing(CodedPicture& picture) {
  constexpr std::int8_t kNowhere = 127;  // no entry of `references`, hence unknown
  const auto columns = static_cast<std::size_t>(picture.macroblock_columns);
  const std::size_t stride = columns * 2;
  const std::size_t list_size = stride * 2 * static_cast<std::size_t>(picture.macroblock_rows);
  for (std::size_t number = 0; number < picture.macroblock_class.size(); ++number) {
    if (picture.macroblock_class[number] != static_cast<std::uint8_t>(MacroblockClass::kMissing)) continue;
    picture.damaged = true;
    const std::size_t start = number / columns * 2 * stride + number % columns * 2;
    for (std::size_t row = 0; row < 2; ++row) {
      for (std::size_t list = 0; list < (picture.type == 'B' ? 2U : 1U); ++list) {
        const std::size_t at = list * list_size + start + row * stride;
        std::fill_n(picture.ref.begin() + static_cast<std::ptrdiff_t>(at), 2, kNowhere);
        std::fill_n(picture.mv.begin() + static_cast<std::ptrdiff_t>(2 * at), 4, std::int16_t{0});
      }
    }
  }
}

}  // namespace

Reader::Reader(std::span<const std::uint8_t> extradata, std::uint32_t codec_tag, bool residual)
    : codec_tag_(codec_tag), residual_(residual) {
  assign_padded(data_, extradata);
  BitReader bits{data_};
  read_headers(bits);
}

void Reader::feed(std::span<const std::uint8_t> packet, std::int64_t number) {
  choose_data(packet);
  BitReader bits{data_};
  if (read_headers(bits)) read_vop(bits, number);
}

void Reader::finish() {
  if (waiting_) resolver_.display(*std::exchange(waiting_, std::nullopt));
  resolver_.finish();
}

// The packet, or the VOP kept back from the one before it.
void Reader::choose_data(std::span<const std::uint8_t> packet) {
  assign_padded(packet_, packet);
  if (!kept_.empty() && encoder_.packed) {
    const BitReader bits{packet_};
    const std::size_t first = find_start_code(bits, 0);
    if (bits.byte(first + 3) == (kVisualObjectSequence & 0xFF)) kept_.clear();  // a new beginning, not a filler
  }
  data_is_packet_ = kept_.empty() || (!encoder_.packed && packet.size() > kLongestFiller);
  data_ = data_is_packet_ ? packet_ : kept_;
  kept_.clear();
}

// Everything before the first VOP. True: `bits` stands at that VOP's header.
bool Reader::read_headers(BitReader& bits) {
  bool layer_seen = false;
  for (;;) {
    const std::size_t at = find_start_code(bits, (bits.position() + 7) / 8);
    if (at >= bits.num_bytes()) return false;
    const std::uint32_t code = 0x100U | bits.byte(at + 3);
    bits.seek(8 * (at + 4));
    if (code == kVop) return true;
    if (code >= kVideoObjectLayerFirst && code <= kVideoObjectLayerLast && !layer_seen) {
      VideoObjectLayer layer;
      if (!read_video_object_layer(bits, default_verid_, layer)) continue;
      layer_seen = true;
      vol_ = layer;
      if (layer.control_parameters) {
        low_delay_ = layer.low_delay;
      } else if (!any_vop_) {
        low_delay_ = layer.default_low_delay;
      }
    } else if (code == kUserData) {
      encoder_.read_user_data(bits);
    } else if (code == kGroupOfVop) {
      clock_.start_group(read_group_of_vop(bits));
    } else if (code == kVisualObject) {
      default_verid_ = read_visual_object(bits);
    }
  }
}

bool Reader::read_vop_header(BitReader& bits, Vop& vop) {
  if (!read_vop_start(bits, *vol_, vop)) return false;
  if (vop.type == VopType::kB && low_delay_ && !vol_->control_parameters) {
    // The promise was wrong. libavcodec, from now on one picture late, outputs the newest reference a second time.
    low_delay_ = false;
    waiting_ = std::exchange(shown_, std::nullopt);
  }
  if (!clock_.advance(vop, *vol_) || !vop.coded) return false;
  if (!read_vop_rest(bits, *vol_, encoder_, vop)) return false;
  // DivX 4, OpenDivX and the first Xvid know no B-VOPs and do not say so.
  if (vol_->object_type == 0 && !vol_->control_parameters && encoder_.divx_version == -1 && !any_vop_) {
    low_delay_ = true;
  }
  any_vop_ = true;
  return true;
}

void Reader::read_vop(BitReader& bits, std::int64_t number) {
  if (!vol_) return;
  encoder_.read_codec_tag(codec_tag_, vol_->object_type == 0 && !vol_->control_parameters);
  Vop vop;
  if (!read_vop_header(bits, vop)) return;
  set_size();
  const bool b_vop = vop.type == VopType::kB;
  if (b_vop && past_ == kNoPicture) return;

  CodedPicture picture = empty_picture(vop, number);
  if (b_vop) {
    scratch_.reset(motion_.columns, motion_.rows, vol_->interlaced);
  } else {
    std::swap(motion_, scratch_);
    motion_.reset(scratch_.columns, scratch_.rows, vol_->interlaced);
  }
  const VopContext context{.vol = *vol_,
                           .encoder = encoder_,
                           .vop = vop,
                           .direct_times = clock_.direct_times(),
                           .colocated = motion_,
                           .residual = residual_};
  VopReader vop_reader(context, bits, b_vop ? scratch_ : motion_, picture);
  vop_reader.read();
  mark_missing(picture);
  if (encoder_.packed) keep_second_vop(data_is_packet_ ? vop_reader.position() / 8 : 0);
  std::size_t num_bytes = bits.num_bytes();
  if (data_is_packet_ && !kept_.empty()) num_bytes -= kept_.size() - BitReader::kPadding;
  picture.num_bits = static_cast<std::int32_t>(8 * num_bytes);
  display_in_order(std::move(picture), vop.type);
}

// What stands in the packet behind byte `from`, when it begins with an I- or B-VOP.
void Reader::keep_second_vop(std::size_t from) {
  const BitReader bits{packet_};
  if (bits.num_bytes() <= from + kShortestVop) return;
  for (std::size_t at = find_start_code(bits, from); at < bits.num_bytes(); at = find_start_code(bits, at + 3)) {
    if (bits.byte(at + 3) != (kVop & 0xFF)) continue;
    const bool i_or_b = (bits.byte(at + 4) & 0x40) == 0;
    if (i_or_b) kept_.assign(packet_.begin() + static_cast<std::ptrdiff_t>(from), packet_.end());
    return;
  }
}

// A new size makes the references useless.
void Reader::set_size() {
  if (motion_.columns == vol_->macroblock_columns() && motion_.rows == vol_->macroblock_rows() &&
      motion_.fields.empty() != vol_->interlaced) {
    return;
  }
  if (waiting_) resolver_.display(*std::exchange(waiting_, std::nullopt));
  past_ = kNoPicture;
  future_ = kNoPicture;
  motion_.reset(vol_->macroblock_columns(), vol_->macroblock_rows(), vol_->interlaced);
  scratch_ = motion_;
}

CodedPicture Reader::empty_picture(const Vop& vop, std::int64_t number) {
  CodedPicture picture;
  picture.id = next_id_++;
  picture.packet = number;
  picture.type = letter(vop.type);
  picture.key = vop.type == VopType::kI;
  picture.macroblock_columns = motion_.columns;
  picture.macroblock_rows = motion_.rows;
  const std::size_t count = motion_.flags.size();
  picture.cell = 8;
  picture.mv.assign(count * 16, 0);  // two lists of four cells
  picture.ref.assign(count * 8, -1);
  if (vop.type == VopType::kB) {
    picture.references = {past_, future_};
  } else if (vop.type != VopType::kI) {
    picture.references = {future_};
  }
  picture.macroblock_class.assign(count, static_cast<std::uint8_t>(MacroblockClass::kMissing));
  picture.qp.assign(count, static_cast<std::int8_t>(vop.quantiser));
  picture.macroblock_bits.assign(count, 0);
  if (residual_) {
    picture.residual = residual_pool_.take({.macroblock_columns = static_cast<std::size_t>(motion_.columns),
                                            .macroblock_rows = static_cast<std::size_t>(motion_.rows)});
  }
  return picture;
}

// B-VOPs are displayed at once, references when the next one has come (at once where the stream promises no B-VOPs).
void Reader::display_in_order(CodedPicture&& picture, VopType type) {
  if (type == VopType::kB) {
    resolver_.display(std::move(picture));
    return;
  }
  past_ = future_;
  future_ = picture.id;
  if (waiting_) resolver_.display(*std::exchange(waiting_, std::nullopt));
  if (low_delay_) {
    if (!vol_->control_parameters) shown_ = picture;
    resolver_.display(std::move(picture));
  } else {
    waiting_ = std::move(picture);
  }
}

}  // namespace videotx::mpeg4
