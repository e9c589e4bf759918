// What each file of bindings adds to the module, and the arrays they take.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/variant.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <variant>

#include "residual.h"

void bind_pictures(nanobind::module_& m);
void bind_trace(nanobind::module_& m);

template <typename T, std::size_t N>
using In = nanobind::ndarray<const T, nanobind::ndim<N>, nanobind::c_contig, nanobind::device::cpu>;
using Pictures = std::variant<In<std::uint8_t, 4>, In<std::int16_t, 4>>;

template <typename Sample>
videotx::ResidualPictures<Sample> residual_pictures(const In<Sample, 4>& array, std::size_t frames, int zero,
                                                    int scale) {
  if (array.shape(0) != frames || array.shape(1) == 0 || array.shape(2) == 0 || array.shape(3) != 3) {
    throw std::invalid_argument("expected residual (frame, y, x, 3) of " + std::to_string(frames) +
                                " frames, got " + std::to_string(array.shape(0)));
  }
  return {{array.data(), array.size()}, static_cast<int>(frames), static_cast<int>(array.shape(1)),
          static_cast<int>(array.shape(2)), zero, scale};
}
