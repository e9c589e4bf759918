#include "sampling.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "parallel.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
// Compiled once per kind of processor, with all that they call, and chosen when the module is loaded.
#define VIDEOTX_CLONES __attribute__((flatten, target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VIDEOTX_CLONES
#endif

namespace videotx {

namespace {

// The two cells next to a position along one axis.
template <typename T>
struct Neighbours {
  std::array<std::size_t, 2> cell;
  std::array<T, 2> share;
  std::array<T, 2> slope;  // of the share, by the position
};

template <typename T>
Neighbours<T> neighbours(T position, std::int32_t size, bool border) {
  const T last = static_cast<T>(size - 1);
  // One cell outside there is nothing left to interpolate; kept that near, a position cannot overflow as an integer.
  const T margin = border ? T{0} : T{1};
  const T low = -margin;
  const T high = last + margin;
  if (std::isnan(position)) {
    return {{0, 0}, {position, position}, {position, position}};
  }
  const T clamped = std::clamp(position, low, high);
  const T before = std::floor(clamped);
  const T share = clamped - before;
  const T first_inside = before >= 0 && before <= last ? T{1} : T{0};
  const T second_inside = before < last ? T{1} : T{0};
  const T moves = position >= low && position <= high ? T{1} : T{0};
  return {{static_cast<std::size_t>(std::clamp(before, T{0}, last)), static_cast<std::size_t>(std::min(before + 1, last))},
          {(1 - share) * first_inside, share * second_inside},
          {-moves * first_inside, moves * second_inside}};
}

// One point: its place among the cells and what each of its four corners, row by row, counts.
template <typename T>
struct Corners {
  std::array<std::size_t, 4> cell;
  std::array<T, 4> share;
  std::array<T, 4> slope_x;
  std::array<T, 4> slope_y;
};

template <typename T>
Corners<T> corners_of(T x, T y, const Plane& plane, bool border) {
  const Neighbours<T> across = neighbours(x, plane.columns, border);
  const Neighbours<T> down = neighbours(y, plane.rows, border);
  Corners<T> corners;
  for (std::size_t i = 0; i < 4; ++i) {
    const std::size_t column = i % 2;
    const std::size_t row = i / 2;
    corners.cell[i] = static_cast<std::size_t>(plane.first) +
                      down.cell[row] * static_cast<std::size_t>(plane.columns) + across.cell[column];
    corners.share[i] = across.share[column] * down.share[row];
    corners.slope_x[i] = across.slope[column] * down.share[row];
    corners.slope_y[i] = across.share[column] * down.slope[row];
  }
  return corners;
}

template <typename T>
using Rows = std::array<const T*, 4>;

// The channels of one head in the four corners' cells.
template <typename T>
std::array<std::size_t, 4> row_starts(const Points<T>& points, const Corners<T>& corners, std::size_t element,
                                      std::size_t head) {
  std::array<std::size_t, 4> starts;
  for (std::size_t i = 0; i < 4; ++i) {
    starts[i] = ((element * points.cells + corners.cell[i]) * points.heads + head) * points.channels;
  }
  return starts;
}

template <typename T>
Corners<T> corners_of(const Points<T>& points, std::size_t at, std::size_t plane) {
  return corners_of(points.xy[2 * at], points.xy[2 * at + 1], points.planes[plane], points.border);
}

template <typename T>
void sum_head(const Points<T>& points, std::span<T> out, std::size_t element, std::size_t head) {
  const std::size_t channels = points.channels;
  for (std::size_t query = 0; query < points.queries; ++query) {
    const std::size_t row = (element * points.queries + query) * points.heads + head;
    T* const total = out.subspan(row * channels, channels).data();
    std::fill_n(total, channels, T{0});
    for (std::size_t p = 0; p < points.points; ++p) {
      const std::size_t at = row * points.points + p;
      const Corners<T> corners = corners_of(points, at, query * points.points + p);
      const std::array<std::size_t, 4> starts = row_starts(points, corners, element, head);
      const T* const a = points.values.subspan(starts[0], channels).data();
      const T* const b = points.values.subspan(starts[1], channels).data();
      const T* const c = points.values.subspan(starts[2], channels).data();
      const T* const d = points.values.subspan(starts[3], channels).data();
      std::array<T, 4> factor;
      for (std::size_t i = 0; i < 4; ++i) {
        factor[i] = points.weights[at] * corners.share[i];
      }
#pragma omp simd
      for (std::size_t i = 0; i < channels; ++i) {
        total[i] += factor[0] * a[i] + factor[1] * b[i] + factor[2] * c[i] + factor[3] * d[i];
      }
    }
  }
}

template <typename T>
void backward_head(const Points<T>& points, std::span<const T> of_out, const Gradients<T>& of,
                                  std::size_t element, std::size_t head) {
  const std::size_t channels = points.channels;
  for (std::size_t query = 0; query < points.queries; ++query) {
    const std::size_t row = (element * points.queries + query) * points.heads + head;
    const T* const above = of_out.subspan(row * channels, channels).data();
    for (std::size_t p = 0; p < points.points; ++p) {
      const std::size_t at = row * points.points + p;
      const Corners<T> corners = corners_of(points, at, query * points.points + p);
      const std::array<std::size_t, 4> starts = row_starts(points, corners, element, head);
      const T weight = points.weights[at];
      T of_weight{0};
      T of_x{0};
      T of_y{0};
      for (std::size_t corner = 0; corner < 4; ++corner) {
        const T* const value = points.values.subspan(starts[corner], channels).data();
        T* const of_value = of.values.subspan(starts[corner], channels).data();
        const T factor = weight * corners.share[corner];
        T of_corner{0};  // what the loss gains by one more of this corner
#pragma omp simd reduction(+ : of_corner)
        for (std::size_t i = 0; i < channels; ++i) {
          of_corner += value[i] * above[i];
          of_value[i] += factor * above[i];
        }
        of_weight += corners.share[corner] * of_corner;
        of_x += corners.slope_x[corner] * of_corner;
        of_y += corners.slope_y[corner] * of_corner;
      }
      of.weights[at] = of_weight;
      of.xy[2 * at] = weight * of_x;
      of.xy[2 * at + 1] = weight * of_y;
    }
  }
}

// Templates cannot be cloned.
VIDEOTX_CLONES void sum(const Points<float>& points, std::span<float> out, std::size_t element, std::size_t head) {
  sum_head(points, out, element, head);
}

void sum(const Points<double>& points, std::span<double> out, std::size_t element, std::size_t head) {
  sum_head(points, out, element, head);
}

VIDEOTX_CLONES void backward(const Points<float>& points, std::span<const float> of_out, const Gradients<float>& of,
                             std::size_t element, std::size_t head) {
  backward_head(points, of_out, of, element, head);
}

void backward(const Points<double>& points, std::span<const double> of_out, const Gradients<double>& of,
              std::size_t element, std::size_t head) {
  backward_head(points, of_out, of, element, head);
}

}  // namespace

// An element's head reads and writes channels of its own alone, so heads of elements are what threads share out.

template <typename T>
void sum_points(const Points<T>& points, std::span<T> out, std::size_t num_threads) {
  in_parallel(points.elements * points.heads, num_threads,
              [&](std::size_t i) { sum(points, out, i / points.heads, i % points.heads); });
}

template <typename T>
void sum_points_backward(const Points<T>& points, std::span<const T> of_out, const Gradients<T>& of,
                         std::size_t num_threads) {
  in_parallel(points.elements * points.heads, num_threads,
              [&](std::size_t i) { backward(points, of_out, of, i / points.heads, i % points.heads); });
}

template void sum_points(const Points<float>&, std::span<float>, std::size_t);
template void sum_points(const Points<double>&, std::span<double>, std::size_t);
template void sum_points_backward(const Points<float>&, std::span<const float>, const Gradients<float>&, std::size_t);
template void sum_points_backward(const Points<double>&, std::span<const double>, const Gradients<double>&,
                                  std::size_t);

}  // namespace videotx
