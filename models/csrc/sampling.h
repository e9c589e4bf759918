// Weighted sums of values at fractional positions, and their gradients: what `videotx.models.deformable` defines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace videotx {

// A plane of cells among all cells of a batch element: its first cell and its size.
struct Plane {
  std::int32_t first;
  std::int32_t rows;
  std::int32_t columns;
};

// All arrays are contiguous. Whoever makes one has checked that sizes agree and that planes lie within the cells.
template <typename T>
struct Points {
  std::span<const T> values;        // (element, cell, head, channel)
  std::span<const T> xy;            // (element, query, head, point, 2)
  std::span<const T> weights;       // (element, query, head, point)
  std::span<const Plane> planes;    // (query, point)
  std::size_t elements;
  std::size_t cells;
  std::size_t heads;
  std::size_t channels;
  std::size_t queries;
  std::size_t points;
  bool border;  // outside of a plane is its nearest cell, else nothing
};

// out (element, query, head, channel).
template <typename T>
void sum_points(const Points<T>& points, std::span<T> out, std::size_t num_threads);

template <typename T>
struct Gradients {
  std::span<T> values;  // zeros at the beginning
  std::span<T> xy;
  std::span<T> weights;
};

// Gradients of a loss whose gradient by `out` of `sum_points` is known.
template <typename T>
void sum_points_backward(const Points<T>& points, std::span<const T> of_out, const Gradients<T>& of,
                         std::size_t num_threads);

}  // namespace videotx
