// Headers of ISO/IEC 14496-2: video object layer (6.2.3), group of VOPs, video object plane (6.2.5), user data.
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "mpeg4/bit_reader.h"
#include "mpeg4/encoder.h"
#include "mpeg4/sprite.h"

namespace videotx::mpeg4 {

// A feature of the standard that this reader does not cover, named.
class Unsupported : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Start codes 0x000001xx.
inline constexpr std::uint32_t kVideoObjectLayerFirst = 0x120;
inline constexpr std::uint32_t kVideoObjectLayerLast = 0x12F;
inline constexpr std::uint32_t kVisualObjectSequence = 0x1B0;
inline constexpr std::uint32_t kUserData = 0x1B2;
inline constexpr std::uint32_t kGroupOfVop = 0x1B3;
inline constexpr std::uint32_t kVisualObject = 0x1B5;
inline constexpr std::uint32_t kVop = 0x1B6;

enum class VopType : std::uint8_t { kI = 0, kP = 1, kB = 2, kS = 3 };

struct Complexity {  // bits of complexity estimation in the VOP header that carry nothing for a decoder
  int i = 0;
  int p = 0;
  int b = 0;
};

struct VideoObjectLayer {
  int object_type = 0;
  int verid = 1;
  bool control_parameters = false;
  bool low_delay = false;  // as written; see `default_low_delay` where control parameters are absent
  bool default_low_delay = false;
  int time_increment_resolution = 1;
  int time_increment_bits = 1;
  int width = 0;
  int height = 0;
  bool interlaced = false;
  bool gmc = false;
  int num_warping_points = 0;
  int warping_accuracy = 0;
  bool brightness_change = false;
  int quant_precision = 5;
  bool mpeg_quantisation = false;
  std::array<std::uint8_t, 64> inter_matrix{};
  bool quarter_sample = false;
  Complexity complexity;
  bool data_partitioned = false;
  bool reversible_vlc = false;

  [[nodiscard]] int macroblock_columns() const { return (width + 15) / 16; }
  [[nodiscard]] int macroblock_rows() const { return (height + 15) / 16; }
};

struct Vop {
  VopType type = VopType::kI;
  bool coded = true;
  bool rounding = false;
  int intra_dc_threshold = 99;  // intra DC has a code of its own while the running quantiser is below this
  bool top_field_first = false;
  bool alternate_scan = false;
  WarpPoints warp_points{};
  int quantiser = 1;
  int f_code_forward = 1;
  int f_code_backward = 1;
  int modulo_seconds = 0;
  int time_increment = 0;

  [[nodiscard]] bool uses_gmc(const VideoObjectLayer& vol) const { return type == VopType::kS && vol.gmc; }
  // Zeros of a resync marker before its one (6.3.5.2).
  [[nodiscard]] int resync_zeros() const;
};

// The visual object's default verid for layers that carry none.
int read_visual_object(BitReader& bits);
// Throws Unsupported. False: damaged.
bool read_video_object_layer(BitReader& bits, int default_verid, VideoObjectLayer& vol);
// Up to and including vop_coded.
bool read_vop_start(BitReader& bits, VideoObjectLayer& vol, Vop& vop);
// The rest, for coded VOPs.
bool read_vop_rest(BitReader& bits, const VideoObjectLayer& vol, const Encoder& encoder, Vop& vop);
// Seconds of the group's time code.
int read_group_of_vop(BitReader& bits);
// After the resync marker: the macroblock number and, into `vop` and `quantiser`, what the packet changes; -1: damaged.
int read_video_packet_header(BitReader& bits, const VideoObjectLayer& vol, const Encoder& encoder, Vop& vop,
                             int& quantiser);

}  // namespace videotx::mpeg4
