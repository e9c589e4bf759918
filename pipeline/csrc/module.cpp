// The Python boundary of the picture encoder. Shapes are checked here; below it every span knows its bounds.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <stdexcept>
#include <vector>

#include "jpeg_encoder.h"

namespace nb = nanobind;
using namespace videotx;

namespace {

// Rows may lie apart, samples of a row lie side by side.
using Plane = nb::ndarray<const std::uint8_t, nb::ndim<2>, nb::device::cpu>;

BytePlane plane_of(const Plane& array) {
  const std::size_t rows = array.shape(0), columns = array.shape(1);
  if (rows == 0 || columns == 0) throw std::invalid_argument("expected planes that are not empty");
  if ((columns > 1 && array.stride(1) != 1) || (rows > 1 && array.stride(0) < static_cast<std::int64_t>(columns))) {
    throw std::invalid_argument("expected planes whose rows are contiguous and in order");
  }
  const std::size_t stride = rows > 1 ? static_cast<std::size_t>(array.stride(0)) : columns;
  return {{array.data(), (rows - 1) * stride + columns}, columns, rows, stride};
}

nb::bytes encode(const Plane& y, const Plane& cb, const Plane& cr, int quality) {
  const std::vector<std::uint8_t> jpeg = encode_jpeg(plane_of(y), plane_of(cb), plane_of(cr), quality);
  return nb::bytes(jpeg.data(), jpeg.size());
}

}  // namespace

NB_MODULE(_jpeg, m) {
  using namespace nb::literals;
  m.doc() = "Encoding of pictures for the shards.";
  m.def("encode", &encode, "y"_a.noconvert(), "cb"_a.noconvert(), "cr"_a.noconvert(), nb::kw_only(), "quality"_a);
}
