// The Python boundary of `sample` on a CPU. Shapes are checked here; below it every span knows its bounds.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "sampling.h"

namespace nb = nanobind;
using namespace videotx;

namespace {

template <typename T, std::size_t N>
using Array = nb::ndarray<T, nb::ndim<N>, nb::c_contig, nb::device::cpu>;

template <typename Arr>
std::span<typename Arr::Scalar> span_of(const Arr& array) {
  return {array.data(), array.size()};
}

void expect(bool holds, const char* what) {
  if (!holds) {
    throw std::invalid_argument(std::string("expected ") + what);
  }
}

std::vector<Plane> planes_of(const Array<const std::int32_t, 3>& table, std::size_t cells) {
  expect(table.shape(2) == 3, "first cell, rows and columns of each plane");
  std::vector<Plane> planes;
  planes.reserve(table.shape(0) * table.shape(1));
  for (std::size_t query = 0; query < table.shape(0); ++query) {
    for (std::size_t p = 0; p < table.shape(1); ++p) {
      const Plane plane{table(query, p, 0), table(query, p, 1), table(query, p, 2)};
      const std::int64_t end = plane.first + static_cast<std::int64_t>(plane.rows) * plane.columns;
      expect(plane.first >= 0 && plane.rows > 0 && plane.columns > 0 && end <= static_cast<std::int64_t>(cells),
             "planes that lie within the cells");
      planes.push_back(plane);
    }
  }
  return planes;
}

template <typename T>
Points<T> points_of(const Array<const T, 4>& values, const Array<const T, 5>& xy, const Array<const T, 4>& weights,
                    std::span<const Plane> planes, std::size_t plane_queries, bool border) {
  expect(xy.shape(0) == values.shape(0) && xy.shape(2) == values.shape(2) && xy.shape(4) == 2,
         "positions (element, query, head, point, 2) of the values' elements and heads");
  expect(std::equal(weights.shape_ptr(), weights.shape_ptr() + 4, xy.shape_ptr()), "a weight for each position");
  expect(plane_queries == xy.shape(1) && planes.size() == xy.shape(1) * xy.shape(3), "a plane for each query's point");
  return {span_of(values), span_of(xy),     span_of(weights), planes,      values.shape(0), values.shape(1),
          values.shape(2), values.shape(3), xy.shape(1),      xy.shape(3), border};
}

template <typename T>
void sum(const Array<const T, 4>& values, const Array<const T, 5>& xy, const Array<const T, 4>& weights,
         const Array<const std::int32_t, 3>& planes, bool border, std::size_t num_threads, const Array<T, 4>& out) {
  const std::vector<Plane> table = planes_of(planes, values.shape(1));
  const Points<T> points = points_of<T>(values, xy, weights, table, planes.shape(0), border);
  expect(out.size() == points.elements * points.queries * points.heads * points.channels, "an output for each query");
  const nb::gil_scoped_release released;
  sum_points(points, span_of(out), num_threads);
}

template <typename T>
void backward(const Array<const T, 4>& of_out, const Array<const T, 4>& values, const Array<const T, 5>& xy,
              const Array<const T, 4>& weights, const Array<const std::int32_t, 3>& planes, bool border,
              std::size_t num_threads, const Array<T, 4>& of_values, const Array<T, 5>& of_xy,
              const Array<T, 4>& of_weights) {
  const std::vector<Plane> table = planes_of(planes, values.shape(1));
  const Points<T> points = points_of<T>(values, xy, weights, table, planes.shape(0), border);
  expect(of_out.size() == points.elements * points.queries * points.heads * points.channels, "a gradient for each query");
  expect(of_values.size() == values.size() && of_xy.size() == xy.size() && of_weights.size() == weights.size(),
         "gradients as large as what they are of");
  const nb::gil_scoped_release released;
  sum_points_backward(points, span_of(of_out), {span_of(of_values), span_of(of_xy), span_of(of_weights)}, num_threads);
}

template <typename T>
void define(nb::module_& m) {
  m.def("sum_points", &sum<T>, nb::arg("values").noconvert(), nb::arg("xy").noconvert(),
        nb::arg("weights").noconvert(), nb::arg("planes").noconvert(), nb::arg("border"), nb::arg("num_threads"),
        nb::arg("out").noconvert());
  m.def("sum_points_backward", &backward<T>, nb::arg("of_out").noconvert(), nb::arg("values").noconvert(),
        nb::arg("xy").noconvert(), nb::arg("weights").noconvert(), nb::arg("planes").noconvert(), nb::arg("border"),
        nb::arg("num_threads"), nb::arg("of_values").noconvert(), nb::arg("of_xy").noconvert(),
        nb::arg("of_weights").noconvert());
}

}  // namespace

NB_MODULE(_sampling, m) {
  m.doc() = "Sums of values at fractional positions on a CPU, for videotx.models.deformable.";
  // Nothing is converted: what is written to must be the caller's own array.
  define<float>(m);
  define<double>(m);
}
