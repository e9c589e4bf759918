#include "h264/reader.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "h264/reference_lists.h"

namespace videotx::h264 {
namespace {

// A unit of a packet that is not worth more than its own loss.
template <class Function>
bool sound(Function&& function) {
  try {
    function();
    return true;
  } catch (const DamagedData&) {
    return false;
  }
}

bool reads_parameter_set(const NalUnit& nal, ParameterSets& sets) {
  if (nal.type() == NalType::kSps) return sound([&] { sets.add_sps(nal); });
  if (nal.type() == NalType::kPps) return sound([&] { sets.add_pps(nal); });
  return false;
}

// recovery_frame_cnt of a recovery point SEI message (clause D.1.8), if there is one.
std::optional<std::uint32_t> recovery_point(const NalUnit& nal) {
  BitReader bits = nal.bits();
  while (bits.more_rbsp_data()) {
    std::uint32_t type = 0;
    std::uint32_t size = 0;
    for (std::uint32_t* field : {&type, &size}) {
      std::uint32_t byte = 255;
      while (byte == 255 && !bits.overrun()) *field += byte = bits.read(8);
    }
    if (type == 6 && !bits.overrun()) return bits.ue_at_most(65535, "recovery_frame_cnt above 65535");
    bits.skip(std::size_t{size} * 8);
  }
  return std::nullopt;
}

}  // namespace

int read_extradata(std::span<const std::uint8_t> extradata, ParameterSets& sets) {
  NalUnit nal;
  if (extradata.size() < 7 || extradata[0] != 1) {
    NalSplitter splitter(extradata, 0);
    while (const auto unit = splitter.next()) {
      if (nal.assign(*unit)) reads_parameter_set(nal, sets);
    }
    return 0;
  }
  std::size_t at = 5;
  for (const int mask : {31, 255}) {  // SPSs, then PPSs
    if (at >= extradata.size()) break;
    for (int count = extradata[at++] & mask; count > 0 && at + 2 <= extradata.size(); --count) {
      const std::size_t size = static_cast<std::size_t>(extradata[at]) << 8 | extradata[at + 1];
      at += 2;
      if (size > extradata.size() - at) break;
      if (nal.assign(extradata.subspan(at, size))) reads_parameter_set(nal, sets);
      at += size;
    }
  }
  return (extradata[4] & 3) + 1;
}

Reader::Reader(std::span<const std::uint8_t> extradata, Wish wish)
    : wish_(wish), slices_(wish), buffer_(display_, wish.weights) {
  length_size_ = read_extradata(extradata, sets_);
}

void Reader::feed(std::span<const std::uint8_t> packet, std::int64_t number, bool displayed) {
  packet_ = number;
  packet_bits_ = static_cast<std::int32_t>(std::min<std::size_t>(packet.size(), 1U << 27) * 8);
  displayed_ = displayed;
  if (!NalSplitter::sound(packet, length_size_)) return;
  NalSplitter splitter(packet, length_size_);
  while (const auto unit = splitter.next()) {
    if (nal_.assign(*unit)) read_unit(nal_);
  }
  end_picture();
}

void Reader::finish() {
  end_picture();
  end_frame();
  buffer_.flush(true);
  display_.finish();
}

void Reader::read_unit(const NalUnit& nal) {
  switch (nal.type()) {
    case NalType::kSlice:
    case NalType::kIdrSlice:
      if (!sound([&] { read_slice(nal); }) && picture_) picture_->coded.damaged = true;
      break;
    case NalType::kPartitionA:
    case NalType::kPartitionB:
    case NalType::kPartitionC:
      throw UnsupportedStream("data partitioning");
    case NalType::kSei:
      sound([&] {
        if (const auto frames = recovery_point(nal)) recovery_frames_ = frames;
      });
      break;
    default:
      reads_parameter_set(nal, sets_);
  }
}

void Reader::read_slice(const NalUnit& nal) {
  BitReader bits = nal.bits();
  SliceHeader header = parse_slice_header(bits, nal, sets_);
  if (header.redundant_pic_cnt != 0) return;
  if (open_ && starts_new_picture(header_, header)) end_picture();
  if (!open_) {
    if (picture_ && completes(header)) {
      start_second_field(header);
    } else {
      end_frame();
      start_picture(header);
    }
    header_ = header;
    open_ = true;
  }
  buffer_.update_picture_numbers(header);
  auto lists = reference_lists(header, *picture_, buffer_.references());
  slices_.decode(bits, header, picture_, std::move(lists));
}

void Reader::change_sequence(const SliceHeader& header) {
  if (sequence_ == header.sps) return;
  const bool new_size = !sequence_ || sequence_->width_in_macroblocks != header.sps->width_in_macroblocks ||
                        sequence_->height_in_macroblocks() != header.sps->height_in_macroblocks();
  if (new_size || header.idr) buffer_.flush(new_size);
  sequence_ = header.sps;
}

void Reader::start_picture(const SliceHeader& header) {
  change_sequence(header);
  if (!header.idr && gap_possible_) fill_gap(header);
  picture_ = std::make_shared<Picture>();
  Picture& picture = *picture_;
  const SequenceParameterSet& sps = *header.sps;
  constexpr std::array<std::array<int, 2>, 4> kChromaBlock = {{{0, 0}, {8, 8}, {8, 16}, {16, 16}}};
  const auto [chroma_width, chroma_height] = kChromaBlock[static_cast<std::size_t>(sps.chroma_array_type())];
  CodedPicture& coded = picture.coded;
  coded.id = next_id_++;
  coded.packet = packet_;
  coded.type = header.is_b() ? 'B' : header.is_intra() ? 'I' : 'P';
  coded.key = header.idr || (recovery_frames_ == 0U && header.is_intra());
  coded.num_bits = packet_bits_;
  coded.chroma_block_width = chroma_width;
  coded.chroma_block_height = chroma_height;
  picture.allocate(sps.width_in_macroblocks, sps.height_in_macroblocks());
  if (wish_.residual) {
    coded.residual = residual_pool_.take({.macroblock_columns = static_cast<std::size_t>(coded.macroblock_columns),
                                          .macroblock_rows = static_cast<std::size_t>(coded.macroblock_rows),
                                          .chroma_width = static_cast<std::size_t>(chroma_width),
                                          .chroma_height = static_cast<std::size_t>(chroma_height)});
  }
  if (header.field_pic || header.mbaff()) coded.field_macroblock.assign(coded.macroblock_class.size(), header.field_pic);
  picture.resets_order = header.idr;
  picture.first_field = header.field_pic;
  picture.frame_num = header.frame_num;
  order_.assign(header, picture);
  picture.display = is_entered(header, picture) && displayed_;
  recovery_frames_.reset();
  buffer_.update_picture_numbers(header);
}

bool Reader::completes(const SliceHeader& header) const {
  return picture_->first_field && header.field_pic && header.bottom_field != header_.bottom_field && !header.idr &&
         header.sps == header_.sps && header.frame_num == picture_->frame_num && !header.has_marking(5) &&
         (header_.nal_ref_idc != 0 || header.nal_ref_idc == 0);
}

void Reader::start_second_field(const SliceHeader& header) {
  picture_->first_field = false;
  CodedPicture& coded = picture_->coded;
  if (coded.packet != packet_) coded.num_bits += packet_bits_;
  order_.assign(header, *picture_);
  recovery_frames_.reset();
  buffer_.update_picture_numbers(header);
}

bool Reader::is_entered(const SliceHeader& header, const Picture& picture) {
  const std::uint32_t modulo = 1U << header.sps->log2_max_frame_num;
  if (recovery_frames_) entry_frame_num_ = (header.frame_num + *recovery_frames_) % modulo;
  // An I picture without SEI message is taken for an entry where nothing better came.
  const bool unmarked = !entry_order_ && !entry_frame_num_ && header.is_intra();
  if (header.idr) entry_order_ = std::numeric_limits<std::int32_t>::min();
  if (!entry_order_ && (unmarked || entry_frame_num_ == header.frame_num)) entry_order_ = picture.order_count();
  return entry_order_ && picture.order_count() >= *entry_order_;
}

void Reader::end_picture() {
  if (!open_) return;
  open_ = false;
  if (!picture_->first_field && picture_->clear_missing()) picture_->coded.damaged = true;
  buffer_.mark_references(header_, picture_);
  order_.finish(header_, *picture_);
  gap_possible_ = true;
  // Order counts start anew: whatever follows is displayed later.
  if (entry_order_ && picture_->resets_order) entry_order_ = std::numeric_limits<std::int32_t>::min();
  if (header_.nal_ref_idc != 0) previous_ref_frame_num_ = header_.has_marking(5) ? 0 : header_.frame_num;
  if (!picture_->first_field) end_frame();
}

void Reader::end_frame() {
  if (!picture_) return;
  const PicturePointer picture = std::exchange(picture_, nullptr);
  // A field that stays alone may serve as a reference, but libavcodec does not show it.
  if (picture->first_field) picture->display = false;
  buffer_.show(header_, picture);
}

// Frames that frame_num says were there (clause 8.2.5.2), sent never (allowed by the SPS) or lost.
void Reader::fill_gap(const SliceHeader& header) {
  const std::uint32_t modulo = 1U << header.sps->log2_max_frame_num;
  const std::uint32_t missing = (header.frame_num - previous_ref_frame_num_ + modulo) % modulo;
  if (missing <= 1) return;
  // More frames than the buffer holds would only push each other out.
  const auto capacity = static_cast<std::uint32_t>(std::max(header.sps->max_num_ref_frames, 1));
  const std::uint32_t count = std::min(missing - 1, capacity);
  for (std::uint32_t i = count; i != 0; --i) {
    SliceHeader inferred;
    inferred.sps = header.sps;
    inferred.pps = header.pps;
    inferred.nal_ref_idc = 1;
    inferred.frame_num = (header.frame_num - i + modulo) % modulo;
    buffer_.store_inferred(inferred, inferred_frame(inferred, inferred.frame_num));
    order_.skip_frame(*header.sps, inferred.frame_num);
  }
}

PicturePointer Reader::inferred_frame(const SliceHeader& header, std::uint32_t frame_num) {
  auto frame = std::make_shared<Picture>();
  frame->coded.id = next_id_++;
  frame->non_existing = true;
  frame->frame_num = frame_num;
  frame->frame_num_wrap = static_cast<std::int32_t>(frame_num);
  if (header.sps->poc_type != 0) {
    PictureOrder order = order_;
    order.assign(header, *frame);
  }
  return frame;
}

Scanner::Scanner(std::span<const std::uint8_t> extradata) { length_size_ = read_extradata(extradata, sets_); }

const char* Scanner::feed(std::span<const std::uint8_t> packet) {
  NalSplitter splitter(packet, length_size_);
  while (const auto unit = splitter.next()) {
    if (unit->empty()) continue;
    const auto type = static_cast<NalType>((*unit)[0] & 31);
    if (type >= NalType::kPartitionA && type <= NalType::kPartitionC) return "data partitioning";
    if (type == NalType::kSps || type == NalType::kPps) {
      nal_.assign(*unit);
      reads_parameter_set(nal_, sets_);
    } else if (type == NalType::kSlice || type == NalType::kIdrSlice) {
      // The header is at the front; there is no need to look at the rest.
      nal_.assign(unit->first(std::min<std::size_t>(unit->size(), 64)));
      if (const char* tool = check_slice(nal_)) return tool;
    }
  }
  return nullptr;
}

const char* Scanner::check_slice(const NalUnit& nal) {
  const char* tool = nullptr;
  sound([&] {
    BitReader bits = nal.bits();
    bits.ue();  // first_mb_in_slice
    const std::uint32_t type = bits.ue() % 5;
    const auto pps = sets_.pps(bits.ue());
    if (!pps) return;
    const auto sps = sets_.sps(pps->sps_id);
    if (!sps) return;
    if (!sequence_) sequence_ = sps;
    tool = unsupported_tool(*sps);
    if (tool == nullptr) tool = unsupported_tool(*pps);
    if (tool == nullptr && type >= 3) tool = "SP and SI slices";
  });
  return tool;
}

}  // namespace videotx::h264
