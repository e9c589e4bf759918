#include <algorithm>
#include <bit>

#include "mpeg4/headers.h"
#include "mpeg4/tables.h"

namespace videotx::mpeg4 {
namespace {

constexpr int kSimple = 1;
constexpr int kAdvancedSimple = 17;

void read_matrix(BitReader& bits, std::array<std::uint8_t, 64>& matrix) {
  std::uint8_t last = 0;
  bool ended = false;
  for (const std::uint8_t place : kZigzagScan) {
    if (!ended) {
      const auto value = static_cast<std::uint8_t>(bits.read(8));
      ended = value == 0;
      if (!ended) last = value;
    }
    matrix[place] = last;
  }
}

void read_sprite(BitReader& bits, VideoObjectLayer& vol) {
  const std::uint32_t sprite_enable = bits.read(vol.verid == 1 ? 1 : 2);
  if (sprite_enable == 0) return;
  if (sprite_enable == 1) throw Unsupported("static sprites");
  if (sprite_enable == 3) throw Unsupported("sprite_enable 3, which the standard reserves");
  vol.gmc = true;
  vol.num_warping_points = static_cast<int>(bits.read(6));
  if (vol.num_warping_points > 3) throw Unsupported("sprites with more than 3 warping points");
  vol.warping_accuracy = static_cast<int>(bits.read(2));
  vol.brightness_change = bits.read_flag();
}

// define_vop_complexity_estimation_header()
void read_complexity(BitReader& bits, Complexity& out) {
  const std::uint32_t method = bits.read(2);
  if (method >= 2) return;
  const auto field = [&bits](int width) { return bits.read_flag() ? width : 0; };
  if (!bits.read_flag()) {
    for (int i = 0; i < 6; ++i) out.i += field(8);
  }
  if (!bits.read_flag()) {
    out.i += field(8);
    out.p += field(8);
    out.p += field(8);
    out.i += field(8);
  }
  bits.marker();
  if (!bits.read_flag()) {
    for (int i = 0; i < 3; ++i) out.i += field(8);
    out.i += field(4);
  }
  if (!bits.read_flag()) {
    out.p += field(8);
    out.p += field(8);
    out.b += field(8);
    for (int i = 0; i < 3; ++i) out.p += field(8);
  }
  bits.marker();
  if (method == 1) {
    out.i += field(8);
    out.p += field(8);
  }
}

void read_control_parameters(BitReader& bits, VideoObjectLayer& vol) {
  vol.control_parameters = bits.read_flag();
  if (!vol.control_parameters) {
    vol.default_low_delay = vol.object_type == kSimple || vol.object_type == kAdvancedSimple;
    return;
  }
  bits.skip(2);  // chroma_format: 4:2:0 is the only one there is
  vol.low_delay = bits.read_flag();
  if (bits.read_flag()) bits.skip(79);  // vbv_parameters
}

void read_quantisation(BitReader& bits, VideoObjectLayer& vol) {
  if (bits.read_flag()) {  // not_8_bit
    vol.quant_precision = static_cast<int>(bits.read(4));
    if (bits.read(4) != 8 || vol.quant_precision != 5) throw Unsupported("N-bit video");
  }
  vol.mpeg_quantisation = bits.read_flag();
  vol.inter_matrix = kDefaultInterMatrix;
  if (!vol.mpeg_quantisation) return;
  std::array<std::uint8_t, 64> intra_matrix{};
  if (bits.read_flag()) read_matrix(bits, intra_matrix);
  if (bits.read_flag()) read_matrix(bits, vol.inter_matrix);
}

void read_tools(BitReader& bits, VideoObjectLayer& vol) {
  vol.quarter_sample = vol.verid != 1 && bits.read_flag();
  if (!bits.read_flag()) read_complexity(bits, vol.complexity);
  bits.skip(1);  // resync_marker_disable: encoders set it carelessly, so markers are looked for regardless
  vol.data_partitioned = bits.read_flag();
  if (vol.data_partitioned) vol.reversible_vlc = bits.read_flag();
  if (vol.verid != 1) {
    if (bits.read_flag()) throw Unsupported("newpred");
    if (bits.read_flag()) throw Unsupported("reduced resolution VOPs");
  }
  if (bits.read_flag()) throw Unsupported("scalability");
}

}  // namespace

int read_visual_object(BitReader& bits) {
  if (!bits.read_flag()) return 1;
  const int verid = static_cast<int>(bits.read(4));
  bits.skip(3);
  return verid;
}

bool read_video_object_layer(BitReader& bits, int default_verid, VideoObjectLayer& result) {
  VideoObjectLayer vol;
  bits.skip(1);  // random_accessible_vol
  vol.object_type = static_cast<int>(bits.read(8));
  vol.verid = default_verid;
  if (bits.read_flag()) {
    vol.verid = static_cast<int>(bits.read(4));
    bits.skip(3);
  }
  if (bits.read(4) == 15) bits.skip(16);  // aspect_ratio_info, extended
  read_control_parameters(bits, vol);
  if (bits.read(2) != 0) throw Unsupported("video objects that are not rectangular");
  bits.marker();
  vol.time_increment_resolution = static_cast<int>(bits.read(16));
  if (vol.time_increment_resolution == 0) return false;
  vol.time_increment_bits =
      std::max(1, static_cast<int>(std::bit_width(static_cast<std::uint32_t>(vol.time_increment_resolution - 1))));
  bits.marker();
  if (bits.read_flag()) bits.skip(static_cast<std::size_t>(vol.time_increment_bits));  // fixed_vop_time_increment
  bits.marker();
  vol.width = static_cast<int>(bits.read(13));
  bits.marker();
  vol.height = static_cast<int>(bits.read(13));
  bits.marker();
  if (vol.width == 0 || vol.height == 0) return false;
  vol.interlaced = bits.read_flag();
  bits.skip(1);  // obmc_disable: overlapping changes how samples are predicted, but neither vectors nor residual
  read_sprite(bits, vol);
  read_quantisation(bits, vol);
  read_tools(bits, vol);
  if (bits.overrun()) return false;
  result = vol;
  return true;
}

}  // namespace videotx::mpeg4
