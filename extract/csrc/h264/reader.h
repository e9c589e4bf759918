// Packets in, pictures out: access units, parameter sets, slices and the order of display.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "coded_picture.h"
#include "display_resolver.h"
#include "h264/nal.h"
#include "h264/parameter_sets.h"
#include "h264/picture.h"
#include "h264/picture_buffer.h"
#include "h264/picture_order.h"
#include "h264/slice_decoder.h"
#include "h264/slice_header.h"

namespace videotx::h264 {

// Parameter sets out of band: Annex B, or the avcC record of ISO/IEC 14496-15. Returns the size of the length fields of
// packets, 0 for Annex B.
int read_extradata(std::span<const std::uint8_t> extradata, ParameterSets& sets);

class Reader {
 public:
  Reader(std::span<const std::uint8_t> extradata, Wish wish);

  // One access unit. `number` comes back with its picture; a picture that is not to be `displayed` is read all the same.
  // Throws UnsupportedStream.
  void feed(std::span<const std::uint8_t> packet, std::int64_t number, bool displayed);
  void finish();
  // The next picture in display order, as far as it is known.
  std::optional<CodedPicture> pop() { return display_.pop(); }

 private:
  void read_unit(const NalUnit& nal);
  void read_slice(const NalUnit& nal);
  void start_picture(const SliceHeader& header);
  void start_second_field(const SliceHeader& header);
  // Whether a field with this header completes the frame whose first field has been read (clause 3.30).
  [[nodiscard]] bool completes(const SliceHeader& header) const;
  // A coded picture: a frame or a field.
  void end_picture();
  void end_frame();
  void fill_gap(const SliceHeader& header);
  PicturePointer inferred_frame(const SliceHeader& header, std::uint32_t frame_num);
  void change_sequence(const SliceHeader& header);
  // Whether libavcodec would show the picture: not before the first one at which the stream can be entered.
  bool is_entered(const SliceHeader& header, const Picture& picture);

  ParameterSets sets_;
  int length_size_ = 0;
  Wish wish_;
  SliceDecoder slices_;
  ResidualPool residual_pool_;
  DisplayResolver display_;
  PictureBuffer buffer_;
  PictureOrder order_;
  NalUnit nal_;

  std::shared_ptr<const SequenceParameterSet> sequence_;
  PicturePointer picture_;  // the frame being read
  bool open_ = false;       // within a coded picture of it, rather than between its fields
  SliceHeader header_;      // of the first slice of that coded picture
  std::uint32_t previous_ref_frame_num_ = 0;
  bool gap_possible_ = false;  // a picture came before
  std::optional<std::uint32_t> recovery_frames_;  // recovery_frame_cnt of the SEI message before the picture
  std::optional<std::uint32_t> entry_frame_num_;  // frame_num at which the pictures become right
  std::optional<std::int32_t> entry_order_;       // first order count of this sequence that is right
  PictureId next_id_ = 0;
  std::int64_t packet_ = 0;
  std::int32_t packet_bits_ = 0;
  bool displayed_ = true;
};

// Looks at parameter sets and slice types alone, to say beforehand what a stream uses that is not read.
class Scanner {
 public:
  explicit Scanner(std::span<const std::uint8_t> extradata);
  // Null, or the name of the tool.
  const char* feed(std::span<const std::uint8_t> packet);
  [[nodiscard]] std::shared_ptr<const SequenceParameterSet> sequence() const { return sequence_; }

 private:
  const char* check_slice(const NalUnit& nal);

  ParameterSets sets_;
  int length_size_ = 0;
  NalUnit nal_;
  std::shared_ptr<const SequenceParameterSet> sequence_;
};

}  // namespace videotx::h264
