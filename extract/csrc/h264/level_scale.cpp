#include "h264/level_scale.h"

#include <algorithm>

namespace videotx::h264 {
namespace {

// Equations 8-315 and 8-318: v by qP % 6 and class of position.
constexpr int kNormAdjust4x4[6][3] = {{10, 16, 13}, {11, 18, 14}, {13, 20, 16}, {14, 23, 18}, {16, 25, 20}, {18, 29, 23}};
constexpr int kNormAdjust8x8[6][6] = {
    {20, 18, 32, 19, 25, 24}, {22, 19, 35, 21, 28, 26}, {26, 23, 42, 24, 33, 31},
    {28, 25, 45, 26, 35, 33}, {32, 28, 51, 30, 40, 38}, {36, 32, 58, 34, 46, 43},
};

int norm_adjust4x4(std::size_t m, std::size_t position) {
  const std::size_t row = position / 4;
  const std::size_t column = position % 4;
  if (row % 2 == 0 && column % 2 == 0) return kNormAdjust4x4[m][0];
  return kNormAdjust4x4[m][row % 2 == 1 && column % 2 == 1 ? 1 : 2];
}

int norm_adjust8x8(std::size_t m, std::size_t position) {
  const std::size_t row = position / 8 % 4;
  const std::size_t column = position % 4;
  if (row == 0 && column == 0) return kNormAdjust8x8[m][0];
  if (row % 2 == 1 && column % 2 == 1) return kNormAdjust8x8[m][1];
  if (row == 2 && column == 2) return kNormAdjust8x8[m][2];
  if ((row == 0 && column % 2 == 1) || (row % 2 == 1 && column == 0)) return kNormAdjust8x8[m][3];
  if (row % 2 == 0 && column % 2 == 0) return kNormAdjust8x8[m][4];
  return kNormAdjust8x8[m][5];
}

// Table 8-15: QPc for qPI >= 30.
constexpr int kChromaQp[22] = {29, 30, 31, 32, 32, 33, 34, 34, 35, 35, 36, 36, 37, 37, 37, 38, 38, 38, 39, 39, 39, 39};

}  // namespace

LevelScale::LevelScale(const ScalingLists& lists) : scale4x4_(6), scale8x8_(6) {
  for (std::size_t list = 0; list < 6; ++list) {
    for (std::size_t qp = 0; qp < kNumQp; ++qp) {
      for (std::size_t i = 0; i < 16; ++i) {
        scale4x4_[list][qp][i] = lists.list4x4[list][i] * norm_adjust4x4(qp % 6, i) << (qp / 6);
      }
      for (std::size_t i = 0; i < 64; ++i) {
        scale8x8_[list][qp][i] = lists.list8x8[list][i] * norm_adjust8x8(qp % 6, i) << (qp / 6);
      }
    }
  }
}

int chroma_qp(int luma_qp, int offset, int bit_depth_chroma) {
  const int depth_offset = 6 * (bit_depth_chroma - 8);
  const int index = std::clamp(luma_qp + offset, -depth_offset, 51);
  return (index < 30 ? index : kChromaQp[index - 30]) + depth_offset;
}

}  // namespace videotx::h264
