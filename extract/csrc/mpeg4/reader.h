// MPEG-4 Part 2 packets to coded pictures in display order, with the pictures, and as many, that libavcodec outputs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "coded_picture.h"
#include "display_resolver.h"
#include "mpeg4/clock.h"
#include "mpeg4/headers.h"
#include "mpeg4/motion.h"

namespace videotx::mpeg4 {

class Reader {
 public:
  // `extradata` holds the headers that the container keeps apart (may be empty), `codec_tag` its four-character code.
  Reader(std::span<const std::uint8_t> extradata, std::uint32_t codec_tag, bool residual);

  // Throws Unsupported, and nothing else, whatever the bytes.
  void feed(std::span<const std::uint8_t> packet, std::int64_t number);
  // After the last packet.
  void finish();
  std::optional<CodedPicture> pop() { return resolver_.pop(); }

  [[nodiscard]] bool packed() const { return encoder_.packed; }

 private:
  void choose_data(std::span<const std::uint8_t> packet);
  bool read_headers(BitReader& bits);
  void read_vop(BitReader& bits, std::int64_t number);
  bool read_vop_header(BitReader& bits, Vop& vop);
  void keep_second_vop(std::size_t from);
  void set_size();
  [[nodiscard]] CodedPicture empty_picture(const Vop& vop, std::int64_t number);
  void display_in_order(CodedPicture&& picture, VopType type);

  std::uint32_t codec_tag_;
  bool residual_;
  Encoder encoder_;
  int default_verid_ = 1;
  std::optional<VideoObjectLayer> vol_;
  bool low_delay_ = false;
  bool any_vop_ = false;
  Clock clock_;

  // All padded. `packet_` is what came last, `kept_` its second VOP (or all of it), which is read in place of the next
  // one; `data_` is what is read now.
  std::vector<std::uint8_t> packet_;
  std::vector<std::uint8_t> kept_;
  std::vector<std::uint8_t> data_;
  bool data_is_packet_ = false;

  PictureId next_id_ = 0;
  PictureId past_ = kNoPicture;    // reference before `future_`
  PictureId future_ = kNoPicture;  // newest reference
  std::optional<CodedPicture> waiting_;  // it, until its turn to be displayed
  std::optional<CodedPicture> shown_;    // it, where it was displayed at once but may have to be once more
  MotionField motion_;                   // its vectors
  MotionField scratch_;
  ResidualPool residual_pool_;
  DisplayResolver resolver_;
};

}  // namespace videotx::mpeg4
