#include "bindings.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>

#include "raster.h"

namespace nb = nanobind;

namespace videotx {
namespace {

using Bytes = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Vectors = nb::ndarray<std::int16_t, nb::shape<2, -1, -1, 2>, nb::c_contig, nb::device::cpu>;
using References = nb::ndarray<std::int8_t, nb::shape<2, -1, -1>, nb::c_contig, nb::device::cpu>;
using Quantisers = nb::ndarray<std::int8_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

std::pair<std::size_t, std::size_t> bind_vectors(Bytes side_data, Vectors mv, References ref, int block, int crop_left,
                                                 int crop_top, int list0, int list1, bool field_blocks_unknown,
                                                 bool both_unknown) {
  const Grid grid{static_cast<int>(ref.shape(1)), static_cast<int>(ref.shape(2)), block, crop_left, crop_top};
  const ListReferences references{static_cast<std::int8_t>(list0), static_cast<std::int8_t>(list1),
                                  field_blocks_unknown, both_unknown};
  const RasterResult result = rasterise_vectors({side_data.data(), side_data.size()}, grid, references,
                                                {mv.data(), mv.size()}, {ref.data(), ref.size()});
  return {result.num_vectors, result.num_ambiguous};
}

bool bind_quantisers(Bytes side_data, Quantisers qp, int crop_left, int crop_top, int divisor) {
  const Grid grid{static_cast<int>(qp.shape(0)), static_cast<int>(qp.shape(1)), 16, crop_left, crop_top};
  return rasterise_quantisers({side_data.data(), side_data.size()}, grid, divisor, {qp.data(), qp.size()});
}

}  // namespace

void bind_raster(nb::module_& m) {
  using namespace nb::literals;
  m.def("rasterise_vectors", &bind_vectors, "side_data"_a, "mv"_a.noconvert(), "ref"_a.noconvert(), nb::kw_only(),
        "block"_a, "crop_left"_a, "crop_top"_a, "list0"_a, "list1"_a, "field_blocks_unknown"_a, "both_unknown"_a);
  m.def("rasterise_quantisers", &bind_quantisers, "side_data"_a, "qp"_a.noconvert(), nb::kw_only(), "crop_left"_a,
        "crop_top"_a, "divisor"_a);
}

}  // namespace videotx
