#include "colour.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

namespace videotx {
namespace {

// The input samples that make one output sample, and their weights.
struct Taps {
  int first = 0;
  std::vector<float> weights;
};

// Triangle filter between sample centres. When shrinking it widens to cover every input sample; weights sum to one.
std::vector<Taps> triangle_taps(int from, int to) {
  const double ratio = static_cast<double>(from) / to;
  const double support = std::max(1.0, ratio);
  std::vector<Taps> all(static_cast<std::size_t>(to));
  for (int i = 0; i < to; ++i) {
    const double centre = (i + 0.5) * ratio - 0.5;
    const int first = std::max(0, static_cast<int>(std::ceil(centre - support)));
    const int last = std::min(from - 1, static_cast<int>(std::floor(centre + support)));
    Taps& taps = all[static_cast<std::size_t>(i)];
    taps.first = first;
    double sum = 0;
    for (int j = first; j <= last; ++j) {
      const double weight = std::max(0.0, 1.0 - std::abs(j - centre) / support);
      taps.weights.push_back(static_cast<float>(weight));
      sum += weight;
    }
    for (float& weight : taps.weights) weight = static_cast<float>(weight / sum);
  }
  return all;
}

// One plane at the target size, a row at a time: the vertical filter runs over whole rows, the horizontal one over its
// result.
class ScaledPlane {
 public:
  ScaledPlane(const SignedPlane& plane, int width, int height)
      : plane_(plane), same_width_(plane.width == width), columns_(static_cast<std::size_t>(plane.width)),
        row_(static_cast<std::size_t>(width)) {
    if (plane.samples.empty()) return;
    horizontal_ = triangle_taps(plane.width, width);
    vertical_ = triangle_taps(plane.height, height);
  }

  const std::vector<float>& row(int y) {
    if (plane_.samples.empty()) return row_;
    std::fill(columns_.begin(), columns_.end(), 0.0F);
    const Taps& taps = vertical_[static_cast<std::size_t>(y)];
    for (std::size_t t = 0; t < taps.weights.size(); ++t) {
      const auto line = plane_.samples.subspan((static_cast<std::size_t>(taps.first) + t) * columns_.size(), columns_.size());
      const float weight = taps.weights[t];
      for (std::size_t x = 0; x < columns_.size(); ++x) columns_[x] += weight * static_cast<float>(line[x]);
    }
    if (same_width_) return columns_;
    for (std::size_t x = 0; x < row_.size(); ++x) {
      const Taps& across = horizontal_[x];
      float sum = 0;
      for (std::size_t t = 0; t < across.weights.size(); ++t) {
        sum += across.weights[t] * columns_[static_cast<std::size_t>(across.first) + t];
      }
      row_[x] = sum;
    }
    return row_;
  }

 private:
  SignedPlane plane_;
  bool same_width_;
  std::vector<Taps> horizontal_, vertical_;
  std::vector<float> columns_, row_;
};

template <typename T>
T rounded(float value) {
  constexpr auto kLow = static_cast<float>(std::numeric_limits<T>::min());
  constexpr auto kHigh = static_cast<float>(std::numeric_limits<T>::max());
  return static_cast<T>(std::lrintf(std::clamp(value, kLow, kHigh)));
}

template <typename T>
void convert(const std::array<SignedPlane, 3>& planes, int width, int height, const Matrix3& m, float offset,
             Layout layout, std::span<T> out) {
  if (width <= 0 || height <= 0) throw std::invalid_argument("target size must be positive");
  if (out.size() != 3 * static_cast<std::size_t>(width) * static_cast<std::size_t>(height)) {
    throw std::invalid_argument("output does not fit the target size");
  }
  for (const SignedPlane& plane : planes) {
    const bool fits = plane.samples.size() == static_cast<std::size_t>(plane.width) * static_cast<std::size_t>(plane.height);
    if (!fits) throw std::invalid_argument("a plane's samples do not fit its size");
  }
  std::array<ScaledPlane, 3> scaled = {ScaledPlane(planes[0], width, height), ScaledPlane(planes[1], width, height),
                                       ScaledPlane(planes[2], width, height)};
  const std::size_t area = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  const std::size_t pixel_step = layout == Layout::kPlanar ? 1 : 3;
  const std::size_t channel_step = layout == Layout::kPlanar ? area : 1;
  std::size_t at = 0;
  for (int y = 0; y < height; ++y) {
    const auto& a = scaled[0].row(y);
    const auto& b = scaled[1].row(y);
    const auto& c = scaled[2].row(y);
    for (std::size_t x = 0; x < static_cast<std::size_t>(width); ++x) {
      out[at] = rounded<T>(m[0] * a[x] + m[1] * b[x] + m[2] * c[x] + offset);
      out[at + channel_step] = rounded<T>(m[3] * a[x] + m[4] * b[x] + m[5] * c[x] + offset);
      out[at + 2 * channel_step] = rounded<T>(m[6] * a[x] + m[7] * b[x] + m[8] * c[x] + offset);
      at += pixel_step;
    }
  }
}

}  // namespace

void convert_residual(const std::array<SignedPlane, 3>& planes, int width, int height, const Matrix3& matrix, float offset,
                      Layout layout, std::span<std::int16_t> out) {
  convert(planes, width, height, matrix, offset, layout, out);
}

void convert_residual(const std::array<SignedPlane, 3>& planes, int width, int height, const Matrix3& matrix, float offset,
                      Layout layout, std::span<std::uint8_t> out) {
  convert(planes, width, height, matrix, offset, layout, out);
}

}  // namespace videotx
