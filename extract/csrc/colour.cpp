#include "colour.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "residual_tiles.h"

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
  if (from == to) {
    filter.num_taps = 1;
    filter.weights.assign(size, 1.0F);
    for (std::size_t i = 0; i < size; ++i) filter.first.push_back(i);
    return filter;
  }
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

// Most of a residual is zero, so that work is done by segments of a row and only where there is something.
constexpr std::size_t kSegment = 16;

std::size_t num_segments(std::size_t columns) { return (columns + kSegment - 1) / kSegment; }

// A row of floats that is zero outside its active segments; the last segment is padded, so that all have one length.
class SparseRow {
 public:
  explicit SparseRow(std::size_t columns)
      : columns_(columns), samples_(num_segments(columns) * kSegment), active_(num_segments(columns)) {}

  std::size_t columns() const { return columns_; }
  std::span<const float> samples() const { return samples_; }
  bool active(std::size_t segment) const { return active_[segment] != 0; }
  std::span<const float, kSegment> segment(std::size_t index) const {
    return std::span<const float>(samples_).subspan(index * kSegment).first<kSegment>();
  }

  void clear() {
    for (std::size_t segment = 0; segment < active_.size(); ++segment) {
      if (active_[segment] == 0) continue;
      std::ranges::fill(activate(segment), 0.0F);
      active_[segment] = 0;
    }
  }

  std::span<float, kSegment> activate(std::size_t segment) {
    active_[segment] = 1;
    return std::span<float>(samples_).subspan(segment * kSegment).first<kSegment>();
  }

 private:
  std::size_t columns_;
  std::vector<float> samples_;
  std::vector<std::uint8_t> active_;
};

// One plane at the target size, a row at a time: the vertical filter runs over rows, the horizontal one over its result.
class ScaledPlane {
 public:
  ScaledPlane(const SignedPlane& plane, int width, int height)
      : plane_(plane), same_width_(plane.width == width), height_(static_cast<std::size_t>(height)),
        columns_(static_cast<std::size_t>(plane.width)), row_(static_cast<std::size_t>(width)) {
    if (plane.samples.empty()) return;
    horizontal_ = triangle_filter(plane.width, width);
    vertical_ = triangle_filter(plane.height, height);
    find_occupied();
  }

  const SparseRow& row(int y) {
    row_.clear();
    if (plane_.samples.empty()) return row_;
    columns_.clear();
    filter_columns(static_cast<std::size_t>(y));
    if (same_width_) return columns_;
    filter_row();
    return row_;
  }

 private:
  // Segments of the input in which any sample is not zero: looked at once, though several output rows need each.
  void find_occupied() {
    const std::size_t width = columns_.columns();
    for (std::size_t start = 0; start < plane_.samples.size(); start += plane_.stride) {
      const auto line = plane_.samples.subspan(start, width);
      std::size_t x = 0;
      for (; x + kSegment <= width; x += kSegment) {
        const auto part = line.subspan(x).first<kSegment>();
        unsigned bits = 0;
        for (std::size_t i = 0; i < kSegment; ++i) bits |= static_cast<std::uint16_t>(part[i]);
        occupied_.push_back(bits != 0);
      }
      if (x < width) occupied_.push_back(std::ranges::any_of(line.subspan(x), [](std::int16_t sample) { return sample != 0; }));
    }
  }

  void filter_columns(std::size_t y) {
    const std::size_t width = columns_.columns();
    for (std::size_t t = 0; t < vertical_.num_taps; ++t) {
      const float weight = vertical_.weights[t * height_ + y];
      if (weight == 0.0F) continue;
      const std::size_t input_row = vertical_.first[y] + t;
      const auto line = plane_.samples.subspan(input_row * plane_.stride, width);
      for (std::size_t start = 0; start < width; start += kSegment) {
        if (occupied_[input_row * num_segments(width) + start / kSegment] == 0) continue;
        const auto part = line.subspan(start, std::min(kSegment, width - start));
        const auto sums = columns_.activate(start / kSegment);
        if (part.size() == kSegment) {  // the usual case, of a length the compiler knows
          for (std::size_t x = 0; x < kSegment; ++x) sums[x] += weight * static_cast<float>(part[x]);
        } else {
          for (std::size_t x = 0; x < part.size(); ++x) sums[x] += weight * static_cast<float>(part[x]);
        }
      }
    }
  }

  void filter_row() {
    const auto input = columns_.samples();
    const std::size_t width = row_.columns();
    for (std::size_t start = 0; start < width; start += kSegment) {
      const std::size_t stop = std::min(start + kSegment, width);
      const std::size_t last = horizontal_.first[stop - 1] + horizontal_.num_taps - 1;
      bool any = false;
      for (std::size_t segment = horizontal_.first[start] / kSegment; segment <= last / kSegment; ++segment) {
        any = any || columns_.active(segment);
      }
      if (!any) continue;
      const auto sums = row_.activate(start / kSegment);
      for (std::size_t t = 0; t < horizontal_.num_taps; ++t) {
        const auto weights = std::span(horizontal_.weights).subspan(t * width + start, stop - start);
        const auto first = std::span(horizontal_.first).subspan(start, stop - start);
        for (std::size_t x = 0; x < stop - start; ++x) sums[x] += weights[x] * input[first[x] + t];
      }
    }
  }

  SignedPlane plane_;
  bool same_width_;
  std::size_t height_;
  Filter horizontal_, vertical_;
  std::vector<std::uint8_t> occupied_;  // [row][segment] of the plane
  SparseRow columns_, row_;
};

// Adding a positive whole number makes truncation round to the nearest, which compilers vectorise and lrintf they do not.
template <typename T>
T rounded(float value) {
  constexpr int kLow = std::numeric_limits<T>::min();
  constexpr int kHigh = std::numeric_limits<T>::max();
  const float clamped = std::clamp(value, static_cast<float>(kLow), static_cast<float>(kHigh));
  return static_cast<T>(static_cast<int>(clamped + (0.5F - static_cast<float>(kLow))) + kLow);
}

// Writes the active segments of one row; the others already hold what zero becomes.
template <typename T>
void convert_row(const std::array<const SparseRow*, 3>& rows, std::size_t y, const Matrix3& m, float offset, Layout layout,
                 std::span<T> out) {
  const std::size_t columns = rows[0]->columns();
  const std::size_t area = out.size() / 3;
  std::array<T, kSegment> line;
  for (std::size_t start = 0; start < columns; start += kSegment) {
    const std::size_t segment = start / kSegment;
    if (!rows[0]->active(segment) && !rows[1]->active(segment) && !rows[2]->active(segment)) continue;
    const std::size_t size = std::min(kSegment, columns - start);
    const std::size_t before = y * columns + start;
    const auto a = rows[0]->segment(segment), b = rows[1]->segment(segment), c = rows[2]->segment(segment);
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const float ma = m[3 * channel], mb = m[3 * channel + 1], mc = m[3 * channel + 2];
      for (std::size_t x = 0; x < kSegment; ++x) line[x] = rounded<T>(ma * a[x] + mb * b[x] + mc * c[x] + offset);
      if (layout == Layout::kPlanar) {
        std::copy_n(line.begin(), size, out.subspan(channel * area + before, size).begin());
      } else {
        for (std::size_t x = 0; x < size; ++x) out[3 * (before + x) + channel] = line[x];
      }
    }
  }
}

template <typename T>
void convert(const std::array<SignedPlane, 3>& planes, int width, int height, const Matrix3& m, float offset,
             Layout layout, std::span<T> out) {
  if (width <= 0 || height <= 0) throw std::invalid_argument("target size must be positive");
  if (out.size() != 3 * static_cast<std::size_t>(width) * static_cast<std::size_t>(height)) {
    throw std::invalid_argument("output does not fit the target size");
  }
  for (const SignedPlane& plane : planes) {
    if (plane.samples.empty()) continue;
    const auto rows = static_cast<std::size_t>(plane.height), columns = static_cast<std::size_t>(plane.width);
    const bool fits = plane.stride >= columns && plane.samples.size() == (rows - 1) * plane.stride + columns;
    if (!fits) throw std::invalid_argument("a plane's samples do not fit its size");
  }
  std::fill(out.begin(), out.end(), rounded<T>(offset));
  if constexpr (std::is_same_v<T, std::uint8_t>) {
    if (layout == Layout::kPlanar && fit_tiles(planes, width, height)) {
      convert_tiles(planes, m, offset, out);
      return;
    }
  }
  std::array<ScaledPlane, 3> scaled = {ScaledPlane(planes[0], width, height), ScaledPlane(planes[1], width, height),
                                       ScaledPlane(planes[2], width, height)};
  for (int y = 0; y < height; ++y) {
    convert_row({&scaled[0].row(y), &scaled[1].row(y), &scaled[2].row(y)}, static_cast<std::size_t>(y), m, offset, layout,
                out);
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
