// LevelScale4x4 and LevelScale8x8 (clause 8.5.9), multiplied out for every QP.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "h264/parameter_sets.h"

namespace videotx::h264 {

inline constexpr int kNumQp = 52 + 36;  // qP with QpBdOffset, up to 14 bits

// Entries are LevelScale << (qP / 6): a 4x4 coefficient is (level * entry + 8) >> 4, an 8x8 one (level * entry + 32) >> 6.
class LevelScale {
 public:
  explicit LevelScale(const ScalingLists& lists);

  // `plane` 0 Y, 1 Cb, 2 Cr. Entries are in raster order.
  [[nodiscard]] const std::array<std::int32_t, 16>& scale4x4(bool intra, std::size_t plane, int qp) const {
    return scale4x4_[(intra ? 0U : 3U) + plane][static_cast<std::size_t>(qp)];
  }
  [[nodiscard]] const std::array<std::int32_t, 64>& scale8x8(bool intra, std::size_t plane, int qp) const {
    return scale8x8_[plane * 2 + (intra ? 0 : 1)][static_cast<std::size_t>(qp)];
  }

 private:
  template <std::size_t N>
  using Table = std::vector<std::array<std::array<std::int32_t, N>, kNumQp>>;
  Table<16> scale4x4_;
  Table<64> scale8x8_;
};

// QP'c from QP_Y (clause 8.5.8). `offset` is chroma_qp_index_offset.
int chroma_qp(int luma_qp, int offset, int bit_depth_chroma);

}  // namespace videotx::h264
