// Global motion compensation of S-VOPs (ISO/IEC 14496-2, 7.8): from warping points to one vector per macroblock.
#pragma once

#include <array>
#include <cstdint>

#include "mpeg4/bit_reader.h"
#include "mpeg4/encoder.h"
#include "mpeg4/motion.h"

namespace videotx::mpeg4 {

struct WarpPoint {
  int du = 0;
  int dv = 0;
};
using WarpPoints = std::array<WarpPoint, 3>;

// sprite_trajectory()
bool read_warp_points(BitReader& bits, int num_points, const Encoder& encoder, WarpPoints& points);

// The affine warp of a VOP. Luma sample (i, j) comes from (offset + slope * (i, j)) >> shift, in units of
// 1 / scale samples.
class GlobalMotion {
 public:
  GlobalMotion() = default;
  GlobalMotion(int width, int height, int num_points, int accuracy, const WarpPoints& points, const Encoder& encoder);

  // The mean displacement over a macroblock, in the stream's vector units: what 7.8.7.3 predicts neighbours from.
  [[nodiscard]] Vector macroblock_vector(int column, int row, bool quarter_sample, int f_code) const;

 private:
  [[nodiscard]] int component(int axis, int column, int row, bool quarter_sample) const;

  int accuracy_ = 0;
  int shift_ = 0;
  bool translation_ = true;
  bool divx_rounding_ = false;
  std::array<std::int64_t, 2> offset_{};
  std::array<std::array<std::int64_t, 2>, 2> slope_{};  // [x or y of the source][by i, by j]
};

}  // namespace videotx::mpeg4
