#include "colour.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

namespace videotx {
namespace {

// A triangle filter between sample centres. When shrinking it widens to cover every input sample; weights sum to one.
// Tap t of output i weighs input first[i] + t by weights[t * size + i]; every output has the same number of taps.
struct Filter {
  std::size_t num_taps = 0;
  std::vector<std::size_t> first;
  std::vector<float> weights;
};

Filter triangle_filter(int from, int to) {
  const double ratio = static_cast<double>(from) / to;
  const double support = std::max(1.0, ratio);
  const auto size = static_cast<std::size_t>(to);
  Filter filter;
  // As many whole numbers as an open interval of the filter's width can hold.
  filter.num_taps = std::min(static_cast<std::size_t>(from), static_cast<std::size_t>(std::ceil(2 * support)));
  filter.weights.assign(filter.num_taps * size, 0.0F);
  for (int i = 0; i < to; ++i) {
    const double centre = (i + 0.5) * ratio - 0.5;
    const int last_start = from - static_cast<int>(filter.num_taps);
    const int first = std::clamp(static_cast<int>(std::floor(centre - support)) + 1, 0, last_start);
    filter.first.push_back(static_cast<std::size_t>(first));
    double sum = 0;
    for (int pass = 0; pass < 2; ++pass) {
      for (std::size_t t = 0; t < filter.num_taps; ++t) {
        const double weight = std::max(0.0, 1.0 - std::abs(first + static_cast<double>(t) - centre) / support);
        if (pass == 0) {
          sum += weight;
        } else {
          filter.weights[t * size + static_cast<std::size_t>(i)] = static_cast<float>(weight / sum);
        }
      }
    }
  }
  return filter;
}

// One plane at the target size, a row at a time: the vertical filter runs over whole rows, the horizontal one over its
// result. Most rows of a residual are zero, and cost next to nothing.
class ScaledPlane {
 public:
  ScaledPlane(const SignedPlane& plane, int width, int height)
      : plane_(plane), same_width_(plane.width == width), height_(static_cast<std::size_t>(height)),
        columns_(static_cast<std::size_t>(plane.width)), row_(static_cast<std::size_t>(width)) {
    if (plane.samples.empty()) return;
    horizontal_ = triangle_filter(plane.width, width);
    vertical_ = triangle_filter(plane.height, height);
  }

  // The row, or an empty span where it is zero.
  std::span<const float> row(int y) {
    if (plane_.samples.empty() || !filter_columns(static_cast<std::size_t>(y))) return {};
    if (same_width_) return columns_;
    std::fill(row_.begin(), row_.end(), 0.0F);
    for (std::size_t t = 0; t < horizontal_.num_taps; ++t) {
      const float* weights = horizontal_.weights.data() + t * row_.size();
      for (std::size_t x = 0; x < row_.size(); ++x) row_[x] += weights[x] * columns_[horizontal_.first[x] + t];
    }
    return row_;
  }

 private:
  bool filter_columns(std::size_t y) {
    bool any = false;
    for (std::size_t t = 0; t < vertical_.num_taps; ++t) {
      const float weight = vertical_.weights[t * height_ + y];
      if (weight == 0.0F) continue;
      const auto line = plane_.samples.subspan((vertical_.first[y] + t) * columns_.size(), columns_.size());
      unsigned bits = 0;
      for (const std::int16_t sample : line) bits |= static_cast<std::uint16_t>(sample);
      if (bits == 0) continue;
      if (!any) std::fill(columns_.begin(), columns_.end(), 0.0F);
      any = true;
      for (std::size_t x = 0; x < columns_.size(); ++x) columns_[x] += weight * static_cast<float>(line[x]);
    }
    return any;
  }

  SignedPlane plane_;
  bool same_width_;
  std::size_t height_;
  Filter horizontal_, vertical_;
  std::vector<float> columns_, row_;
};

// Adding a positive whole number makes truncation round to the nearest, which compilers vectorise and lrintf they do not.
template <typename T>
T rounded(float value) {
  constexpr int kLow = std::numeric_limits<T>::min();
  constexpr int kHigh = std::numeric_limits<T>::max();
  const float clamped = std::clamp(value, static_cast<float>(kLow), static_cast<float>(kHigh));
  return static_cast<T>(static_cast<int>(clamped + (0.5F - static_cast<float>(kLow))) + kLow);
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
  const auto columns = static_cast<std::size_t>(width);
  const std::size_t area = columns * static_cast<std::size_t>(height);
  const std::vector<float> zero(columns);
  std::vector<T> line(columns);
  for (int y = 0; y < height; ++y) {
    std::array<std::span<const float>, 3> rows = {scaled[0].row(y), scaled[1].row(y), scaled[2].row(y)};
    const bool all_zero = rows[0].empty() && rows[1].empty() && rows[2].empty();
    for (auto& row : rows) {
      if (row.empty()) row = zero;
    }
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const float ma = m[3 * channel], mb = m[3 * channel + 1], mc = m[3 * channel + 2];
      const float *a = rows[0].data(), *b = rows[1].data(), *c = rows[2].data();
      if (all_zero) {
        std::fill(line.begin(), line.end(), rounded<T>(offset));
      } else {
        for (std::size_t x = 0; x < columns; ++x) line[x] = rounded<T>(ma * a[x] + mb * b[x] + mc * c[x] + offset);
      }
      const std::size_t before = static_cast<std::size_t>(y) * columns;
      if (layout == Layout::kPlanar) {
        std::copy(line.begin(), line.end(), out.begin() + static_cast<std::ptrdiff_t>(channel * area + before));
      } else {
        for (std::size_t x = 0; x < columns; ++x) out[3 * (before + x) + channel] = line[x];
      }
    }
  }
}

constexpr int kFixedBits = 14;
constexpr int kFixedHalf = 1 << (kFixedBits - 1);

int fixed(float value) { return static_cast<int>(std::lrintf(value * (1 << kFixedBits))); }

std::uint8_t clamped(int value) { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); }

}  // namespace

void change_matrix(const Planes420& planes, const Matrix3& matrix) {
  const auto width = static_cast<std::size_t>(planes.width);
  const auto height = static_cast<std::size_t>(planes.height);
  const std::size_t chroma_width = (width + 1) / 2;
  const std::size_t chroma_size = chroma_width * ((height + 1) / 2);
  if (planes.y.size() != width * height || planes.cb.size() != chroma_size || planes.cr.size() != chroma_size) {
    throw std::invalid_argument("planes do not fit a 4:2:0 picture of this size");
  }
  const int y_cb = fixed(matrix[1]);
  const int y_cr = fixed(matrix[2]);
  const int cb_cb = fixed(matrix[4]);
  const int cb_cr = fixed(matrix[5]);
  const int cr_cb = fixed(matrix[7]);
  const int cr_cr = fixed(matrix[8]);
  std::vector<int> shift(chroma_width);
  for (std::size_t row = 0; row < height; ++row) {
    if (row % 2 == 0) {
      const std::size_t first = row / 2 * chroma_width;
      for (std::size_t x = 0; x < chroma_width; ++x) {
        const int cb = planes.cb[first + x] - 128;
        const int cr = planes.cr[first + x] - 128;
        shift[x] = (y_cb * cb + y_cr * cr + kFixedHalf) >> kFixedBits;
        planes.cb[first + x] = clamped(128 + ((cb_cb * cb + cb_cr * cr + kFixedHalf) >> kFixedBits));
        planes.cr[first + x] = clamped(128 + ((cr_cb * cb + cr_cr * cr + kFixedHalf) >> kFixedBits));
      }
    }
    const auto line = planes.y.subspan(row * width, width);
    for (std::size_t x = 0; x < width; ++x) line[x] = clamped(line[x] + shift[x / 2]);
  }
}

void convert_residual(const std::array<SignedPlane, 3>& planes, int width, int height, const Matrix3& matrix, float offset,
                      Layout layout, std::span<std::int16_t> out) {
  convert(planes, width, height, matrix, offset, layout, out);
}

void convert_residual(const std::array<SignedPlane, 3>& planes, int width, int height, const Matrix3& matrix, float offset,
                      Layout layout, std::span<std::uint8_t> out) {
  convert(planes, width, height, matrix, offset, layout, out);
}

}  // namespace videotx
