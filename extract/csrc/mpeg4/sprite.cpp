#include "mpeg4/sprite.h"

#include <algorithm>

#include "mpeg4/tables.h"

namespace videotx::mpeg4 {
namespace {

// `//` of the standard: to the nearest, halves away from zero.
std::int64_t divide_rounding(std::int64_t a, std::int64_t b) { return (a >= 0 ? a + b / 2 : a - b / 2) / b; }

// `///` by a power of two: to the nearest, positive halves up, negative halves down.
std::int64_t shift_rounding(std::int64_t a, int shift) {
  const std::int64_t half = (std::int64_t{1} << shift) >> 1;
  return (a > 0 ? a + half : a + half - 1) >> shift;
}

bool read_coordinate(BitReader& bits, int& value) {
  const int length = kSpriteLength.read(bits);
  if (length < 0) return false;
  value = 0;
  if (length > 0) {
    value = static_cast<int>(bits.read(length));
    if (value >> (length - 1) == 0) value -= (1 << length) - 1;
  }
  return true;
}

int ceil_log2(int value) {
  int result = 0;
  while ((1 << result) < value) ++result;
  return result;
}

}  // namespace

bool read_warp_points(BitReader& bits, int num_points, const Encoder& encoder, WarpPoints& points) {
  for (int i = 0; i < num_points; ++i) {
    WarpPoint& point = points[static_cast<std::size_t>(i)];
    if (!read_coordinate(bits, point.du)) return false;
    if (!encoder.divx_500_413()) bits.marker();
    if (!read_coordinate(bits, point.dv)) return false;
    bits.marker();
  }
  return true;
}

GlobalMotion::GlobalMotion(int width, int height, int num_points, int accuracy, const WarpPoints& points,
                           const Encoder& encoder)
    : accuracy_(accuracy), divx_rounding_(encoder.divx_500_413()) {
  const std::int64_t a = std::int64_t{2} << accuracy;
  const std::int64_t r = 16 / a;
  const int rho = 3 - accuracy;
  const int alpha = std::max(1, ceil_log2(width));
  const int beta = ceil_log2(height);
  const std::int64_t w2 = std::int64_t{1} << alpha;
  const std::int64_t h2 = std::int64_t{1} << beta;

  // The sprite points that the corners (0, 0), (width, 0) and (0, height) come from, in 1 / a samples.
  const std::int64_t trajectory_scale = divx_rounding_ ? 1 : a / 2;
  std::array<std::array<std::int64_t, 2>, 3> sprite{};
  for (std::size_t i = 0; i < 3; ++i) {
    const std::int64_t du = points[0].du + (i > 0 ? points[i].du : 0);
    const std::int64_t dv = points[0].dv + (i > 0 ? points[i].dv : 0);
    sprite[i] = {a * (i == 1 ? width : 0) + trajectory_scale * du, a * (i == 2 ? height : 0) + trajectory_scale * dv};
  }
  // The same for virtual corners at powers of two, in 1 / 16 samples.
  const auto extrapolate = [r](std::int64_t size, std::int64_t size2, std::int64_t near, std::int64_t far,
                               std::int64_t far_corner) {
    return divide_rounding((size - size2) * r * near + size2 * (r * far - 16 * far_corner), size);
  };
  const std::int64_t right_x = 16 * w2 + extrapolate(width, w2, sprite[0][0], sprite[1][0], width);
  const std::int64_t right_y = extrapolate(width, w2, sprite[0][1], sprite[1][1], 0);
  const std::int64_t below_x = extrapolate(height, h2, sprite[0][0], sprite[2][0], 0);
  const std::int64_t below_y = 16 * h2 + extrapolate(height, h2, sprite[0][1], sprite[2][1], height);

  const std::int64_t dx_di = right_x - r * sprite[0][0];
  const std::int64_t dy_di = right_y - r * sprite[0][1];
  if (num_points <= 1) {
    offset_ = {num_points == 1 ? sprite[0][0] : 0, num_points == 1 ? sprite[0][1] : 0};
    return;
  }
  if (num_points == 2) {  // rotation, zoom and translation
    shift_ = alpha + rho;
    slope_ = {{{dx_di, -dy_di}, {dy_di, dx_di}}};
  } else {
    const int smaller = std::min(alpha, beta);
    shift_ = alpha + beta + rho - smaller;
    const std::int64_t w3 = w2 >> smaller;
    const std::int64_t h3 = h2 >> smaller;
    slope_ = {{{dx_di * h3, (below_x - r * sprite[0][0]) * w3}, {dy_di * h3, (below_y - r * sprite[0][1]) * w3}}};
  }
  const std::int64_t one = std::int64_t{1} << shift_;
  offset_ = {sprite[0][0] * one + one / 2, sprite[0][1] * one + one / 2};
  translation_ = slope_[0][0] == a * one && slope_[1][1] == a * one && slope_[0][1] == 0 && slope_[1][0] == 0;
  if (translation_) offset_ = {offset_[0] >> shift_, offset_[1] >> shift_};
}

int GlobalMotion::component(int axis, int column, int row, bool quarter_sample) const {
  const auto at = static_cast<std::size_t>(axis);
  const int quarter = quarter_sample ? 1 : 0;
  if (translation_) {
    if (divx_rounding_ && accuracy_ >= quarter) {
      return static_cast<int>(offset_[at] / (std::int64_t{1} << (accuracy_ - quarter)));
    }
    return static_cast<int>(shift_rounding(offset_[at] * (1 << quarter), accuracy_));
  }
  std::array<std::int64_t, 2> slope = slope_[at];
  slope[at] -= std::int64_t{1} << (shift_ + accuracy_ + 1);  // displacement, not position
  const std::int64_t corner = offset_[at] + 16 * (slope[0] * column + slope[1] * row);
  std::int64_t sum = 0;
  for (int j = 0; j < 16; ++j) {
    for (int i = 0; i < 16; ++i) sum += (corner + slope[0] * i + slope[1] * j) >> shift_;
  }
  return static_cast<int>(shift_rounding(sum, accuracy_ + 8 - quarter));
}

Vector GlobalMotion::macroblock_vector(int column, int row, bool quarter_sample, int f_code) const {
  const int limit = 16 << f_code;
  const auto clipped = [&](int axis) {
    return static_cast<std::int16_t>(std::clamp(component(axis, column, row, quarter_sample), -limit, limit - 1));
  };
  return {clipped(0), clipped(1)};
}

}  // namespace videotx::mpeg4
