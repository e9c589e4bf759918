#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <stdexcept>
#include <tuple>

#include "bindings.h"
#include "compensate.h"

namespace nb = nanobind;

namespace videotx {
namespace {

using SamplePlane = nb::ndarray<nb::ro, nb::ndim<2>, nb::device::cpu>;
using PicturePlanes = std::vector<SamplePlane>;
using Vectors = nb::ndarray<const std::int16_t, nb::shape<2, -1, -1, 2>, nb::c_contig, nb::device::cpu>;
using References = nb::ndarray<const std::int8_t, nb::shape<2, -1, -1>, nb::c_contig, nb::device::cpu>;
using OutPlane = nb::ndarray<std::int16_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using InPlane = nb::ndarray<const std::int16_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

Plane plane_of(const SamplePlane& array) {
  const bool wide = array.dtype() == nb::dtype<std::uint16_t>();
  if (!wide && array.dtype() != nb::dtype<std::uint8_t>()) throw std::invalid_argument("samples must be uint8 or uint16");
  const std::ptrdiff_t item = wide ? 2 : 1;
  if (array.stride(1) != 1) throw std::invalid_argument("samples of a row must be contiguous");
  if (array.shape(0) == 0 || array.shape(1) == 0) return {};
  return {static_cast<const std::uint8_t*>(array.data()), static_cast<int>(array.shape(1)),
          static_cast<int>(array.shape(0)), array.stride(0) * item, wide};
}

Picture picture_of(const PicturePlanes& planes) {
  if (planes.size() != 1 && planes.size() != 3) throw std::invalid_argument("a picture has one or three planes");
  Picture picture{plane_of(planes[0]), {}, {}};
  if (planes.size() == 3) {
    picture.cb = plane_of(planes[1]);
    picture.cr = plane_of(planes[2]);
  }
  return picture;
}

void bind_subtract(const PicturePlanes& current, const std::vector<std::tuple<int, PicturePlanes>>& references, Vectors mv,
                   References ref, OutPlane y, OutPlane cb, OutPlane cr, int block, int interpolation, int rounding,
                   int chroma_shift_x, int chroma_shift_y, int bit_depth) {
  if (interpolation < 0 || interpolation > 2) throw std::invalid_argument("interpolation must be 0, 1 or 2");
  if (bit_depth < 8 || bit_depth > 14) throw std::invalid_argument("bit_depth must be 8 to 14");
  const bool shifts = (chroma_shift_x == 0 || chroma_shift_x == 1) && (chroma_shift_y == 0 || chroma_shift_y == 1);
  if (!shifts) throw std::invalid_argument("chroma shifts must be 0 or 1");
  std::vector<Reference> pictures;
  pictures.reserve(references.size());
  for (const auto& [distance, planes] : references) pictures.push_back({distance, picture_of(planes)});
  const Motion motion{{mv.data(), mv.size()},
                      {ref.data(), ref.size()},
                      static_cast<int>(ref.shape(1)),
                      static_cast<int>(ref.shape(2)),
                      block};
  subtract_prediction(picture_of(current), pictures, motion, static_cast<Interpolation>(interpolation), rounding,
                      {chroma_shift_x, chroma_shift_y, (1 << bit_depth) - 1},
                      {{y.data(), y.size()}, {cb.data(), cb.size()}, {cr.data(), cr.size()}});
}

}  // namespace

void bind_compensate(nb::module_& m) {
  using namespace nb::literals;
  m.def("subtract_prediction", &bind_subtract, "current"_a, "references"_a, "mv"_a.noconvert(), "ref"_a.noconvert(),
        "y"_a.noconvert(), "cb"_a.noconvert(), "cr"_a.noconvert(), nb::kw_only(), "block"_a, "interpolation"_a,
        "rounding"_a, "chroma_shift_x"_a, "chroma_shift_y"_a, "bit_depth"_a);
}

}  // namespace videotx
