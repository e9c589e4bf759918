#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>

#include <array>
#include <stdexcept>

#include "bindings.h"
#include "colour.h"
#include "picture_planes.h"

namespace nb = nanobind;

namespace videotx {
namespace {

// A residual plane may be the cropped part of a larger one: rows apart, samples of a row side by side.
using ResidualPlane = nb::ndarray<const std::int16_t, nb::ndim<2>, nb::device::cpu>;

SignedPlane signed_plane_of(const ResidualPlane& array) {
  const std::size_t rows = array.shape(0), columns = array.shape(1);
  if (rows == 0 || columns == 0) return {};
  if ((columns > 1 && array.stride(1) != 1) || (rows > 1 && array.stride(0) < static_cast<std::int64_t>(columns))) {
    throw std::invalid_argument("expected planes whose rows are contiguous and in order");
  }
  const std::size_t stride = rows > 1 ? static_cast<std::size_t>(array.stride(0)) : columns;
  return {{array.data(), (rows - 1) * stride + columns}, static_cast<int>(columns), static_cast<int>(rows), stride};
}

void bind_rgb(ResidualPlane y, ResidualPlane cb, ResidualPlane cr, std::array<float, 9> matrix,
              nb::ndarray<std::int16_t, nb::shape<-1, -1, 3>, nb::c_contig, nb::device::cpu> out) {
  convert_residual({signed_plane_of(y), signed_plane_of(cb), signed_plane_of(cr)}, static_cast<int>(out.shape(1)),
                   static_cast<int>(out.shape(0)), matrix, 0.0F, Layout::kInterleaved, {out.data(), out.size()});
}

void bind_planes(ResidualPlane y, ResidualPlane cb, ResidualPlane cr, std::array<float, 9> matrix, float offset,
                 nb::ndarray<std::uint8_t, nb::shape<3, -1, -1>, nb::c_contig, nb::device::cpu> out) {
  convert_residual({signed_plane_of(y), signed_plane_of(cb), signed_plane_of(cr)}, static_cast<int>(out.shape(2)),
                   static_cast<int>(out.shape(1)), matrix, offset, Layout::kPlanar, {out.data(), out.size()});
}

using InBytes = nb::ndarray<const std::uint8_t, nb::ndim<2>, nb::device::cpu>;
using OutBytes = nb::ndarray<std::uint8_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

BytePlane byte_plane_of(const InBytes& array) {
  const std::size_t rows = array.shape(0), columns = array.shape(1);
  if (rows == 0 || columns == 0) throw std::invalid_argument("expected planes that are not empty");
  if ((columns > 1 && array.stride(1) != 1) || (rows > 1 && array.stride(0) < static_cast<std::int64_t>(columns))) {
    throw std::invalid_argument("expected planes whose rows are contiguous and in order");
  }
  const std::size_t stride = rows > 1 ? static_cast<std::size_t>(array.stride(0)) : columns;
  return {{array.data(), (rows - 1) * stride + columns}, columns, rows, stride};
}

void bind_picture(const std::array<InBytes, 3>& planes, const std::array<OutBytes, 3>& out, std::array<float, 9> matrix,
                  float black) {
  convert_picture({byte_plane_of(planes[0]), byte_plane_of(planes[1]), byte_plane_of(planes[2])}, black, matrix,
                  {std::span(out[0].data(), out[0].size()), std::span(out[1].data(), out[1].size()),
                   std::span(out[2].data(), out[2].size())});
}

}  // namespace

void bind_colour(nb::module_& m) {
  using namespace nb::literals;
  m.def("picture_to_jpeg", &bind_picture, "planes"_a.noconvert(), "out"_a.noconvert(), nb::kw_only(), "matrix"_a, "black"_a);
  m.def("residual_to_rgb", &bind_rgb, "y"_a.noconvert(), "cb"_a.noconvert(), "cr"_a.noconvert(), nb::kw_only(),
        "matrix"_a, "out"_a.noconvert());
  m.def("residual_to_planes", &bind_planes, "y"_a.noconvert(), "cb"_a.noconvert(), "cr"_a.noconvert(), nb::kw_only(),
        "matrix"_a, "offset"_a, "out"_a.noconvert());
}

}  // namespace videotx
