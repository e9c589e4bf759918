#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>

#include <utility>

#include "bindings.h"
#include "reference_order.h"

namespace nb = nanobind;

namespace videotx {
namespace {

std::optional<std::pair<int, int>> resolve(ReferenceOrder& self, std::int64_t number, std::int64_t index, bool both,
                                           bool final) {
  const auto distances = self.resolve(number, index, both, final);
  if (!distances) return std::nullopt;
  return std::pair(distances->list0, distances->list1);
}

}  // namespace

void bind_reference_order(nb::module_& m) {
  using namespace nb::literals;
  nb::class_<ReferenceOrder>(m, "ReferenceOrder")
      .def(nb::init<bool>(), "single"_a)
      .def_prop_rw("single", &ReferenceOrder::single, &ReferenceOrder::set_single)
      .def("coded", &ReferenceOrder::coded, "number"_a, "shown"_a)
      .def("displayed", &ReferenceOrder::displayed, "number"_a, "index"_a)
      .def("resolve", &resolve, "number"_a, "index"_a, nb::kw_only(), "both"_a, "final"_a);
  m.attr("MAX_REORDER_FRAMES") = ReferenceOrder::kMostReordered;
}

}  // namespace videotx
