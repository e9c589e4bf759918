// The Python boundary of the clip tracer. Shapes are checked here; below it every span knows its bounds.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bindings.h"
#include "flow.h"
#include "follow.h"
#include "residual.h"

namespace nb = nanobind;
using namespace videotx;

namespace {

using Out = nb::ndarray<nb::numpy>;

// A numpy array that owns the vector's memory.
template <typename T, typename Element = T, std::size_t N>
Out give(std::vector<Element>&& values, const std::array<std::size_t, N>& shape) {
  auto held = std::make_unique<std::vector<Element>>(std::move(values));
  void* data = held->data();
  nb::capsule owner(held.get(), [](void* p) noexcept { delete static_cast<std::vector<Element>*>(p); });
  (void)held.release();  // the capsule owns it from here
  return Out(data, N, shape.data(), owner, nullptr, nb::dtype<T>());
}

BlockMotion block_motion(const In<std::int16_t, 5>& mv, const In<std::int8_t, 4>& ref, float block) {
  if (mv.shape(1) != 2 || mv.shape(4) != 2) {
    throw std::invalid_argument("expected motion (frame, 2, row, column, 2)");
  }
  for (std::size_t axis = 0; axis < 4; ++axis) {
    if (mv.shape(axis) != ref.shape(axis)) {
      throw std::invalid_argument("motion and ref differ in shape along axis " + std::to_string(axis) + ": " +
                                  std::to_string(mv.shape(axis)) + " and " + std::to_string(ref.shape(axis)));
    }
  }
  if (ref.size() == 0 || !(block > 0.0F)) {
    throw std::invalid_argument("expected at least one frame, one block, and a block size above 0");
  }
  const Grid grid{static_cast<int>(ref.shape(2)), static_cast<int>(ref.shape(3)), block};
  return {{mv.data(), mv.size()}, {ref.data(), ref.size()}, static_cast<int>(ref.shape(0)), grid};
}

nb::tuple trace(const In<std::int16_t, 5>& mv, const In<std::int8_t, 4>& ref, const In<std::int32_t, 1>& frames,
                const In<float, 2>& points, float block, int pool, float height, float width,
                std::array<float, 2> scale, float most_filled, const std::optional<In<float, 4>>& residual, int first,
                std::array<float, 4> cells) {
  const BlockMotion motion = block_motion(mv, ref, block);
  if (pool < 1) {
    throw std::invalid_argument("expected at least one cell to pool, got " + std::to_string(pool));
  }
  if (points.shape(1) != 2) {
    throw std::invalid_argument("expected points (point, xy)");
  }
  std::vector<Point> starts(points.shape(0));
  for (std::size_t i = 0; i < starts.size(); ++i) {
    starts[i] = {points(i, 0), points(i, 1)};
    if (!std::isfinite(starts[i].x) || !std::isfinite(starts[i].y)) {
      throw std::invalid_argument("points must be finite");
    }
  }
  const std::span<const std::int32_t> sampled(frames.data(), frames.size());
  for (std::size_t i = 0; i < sampled.size(); ++i) {
    if (sampled[i] < 0 || sampled[i] >= motion.num_frames || (i > 0 && sampled[i] <= sampled[i - 1])) {
      throw std::invalid_argument("frames must ascend within [0, " + std::to_string(motion.num_frames) + ")");
    }
  }
  if (sampled.empty()) {
    throw std::invalid_argument("expected at least one sampled frame");
  }
  if (residual && !(cells[2] > 0.0F && cells[3] > 0.0F)) {
    throw std::invalid_argument("expected residual cells of a size above 0");
  }
  std::optional<ResidualCells> reduced;
  if (residual) {
    const std::size_t num_residuals = residual->shape(0);
    // Each step between two sampled frames may ask for the residual of both its ends.
    if (first < 0 || first > sampled.front() ||
        static_cast<std::size_t>(first) + num_residuals <= static_cast<std::size_t>(sampled.back())) {
      throw std::invalid_argument("expected residual of frames " + std::to_string(sampled.front()) + " to " +
                                  std::to_string(sampled.back()) + ", got " + std::to_string(num_residuals) +
                                  " from " + std::to_string(first));
    }
    if (residual->shape(1) == 0 || residual->shape(2) == 0 || residual->shape(3) != kResidualValues) {
      throw std::invalid_argument("expected residual cells (frame, row, column, 6)");
    }
    if (!(cells[2] > 0.0F && cells[3] > 0.0F)) {
      throw std::invalid_argument("expected residual cells of a size above 0");
    }
    reduced = {{residual->data(), residual->size()}, first, static_cast<int>(residual->shape(1)),
               static_cast<int>(residual->shape(2)), cells[0], cells[1], cells[2], cells[3]};
  }
  Traces traces;
  {
    nb::gil_scoped_release unlocked;
    thread_local Estimates estimates;
    thread_local Links links;
    estimate(motion, pool, estimates);
    link(estimates, sampled.front(), sampled.back(), links);
    traces = follow(links, estimates, sampled, starts, width, height, {scale[0], scale[1], most_filled},
                    reduced ? &*reduced : nullptr);
  }
  const std::size_t t = traces.num_sampled;
  const std::size_t p = traces.num_points;
  nb::object sums = nb::none();
  if (residual) {
    sums = nb::cast(give<float>(std::move(traces.residual), std::array{t, t, p, kResidualValues}));
  }
  return nb::make_tuple(give<float>(std::move(traces.displacement), std::array{t, t, p, std::size_t{2}}),
                        give<bool>(std::move(traces.valid), std::array{t, t, p}),
                        give<float>(std::move(traces.filled), std::array{t, t, p}), sums);
}

nb::tuple accumulate_frame(const In<std::int16_t, 5>& mv, const In<std::int8_t, 4>& ref, int frame, int height,
                           int width, float block, float native_height, float native_width,
                           const std::optional<Pictures>& residual, int zero, int scale) {
  const BlockMotion motion = block_motion(mv, ref, block);
  if (frame < 0 || frame >= motion.num_frames) {
    throw std::invalid_argument("frame " + std::to_string(frame) + " is not in [0, " +
                                std::to_string(motion.num_frames) + ")");
  }
  if (height <= 0 || width <= 0 || !(native_height > 0.0F) || !(native_width > 0.0F)) {
    throw std::invalid_argument("expected sizes above 0");
  }
  const float block_height = block * static_cast<float>(height) / native_height;
  const float block_width = block * static_cast<float>(width) / native_width;
  const auto num_frames = ref.shape(0);
  const auto check = [&](const auto& pictures) {
    if (pictures.height != height || pictures.width != width) {
      throw std::invalid_argument("expected residual pictures of the raster's own size");
    }
  };
  Accumulated sum;
  if (residual && residual->index() == 1) {
    const auto pictures = residual_pictures(std::get<1>(*residual), num_frames, zero, scale);
    check(pictures);
    nb::gil_scoped_release unlocked;
    sum = accumulate(motion, &pictures, frame, height, width, block_height, block_width);
  } else if (residual) {
    const auto pictures = residual_pictures(std::get<0>(*residual), num_frames, zero, scale);
    check(pictures);
    nb::gil_scoped_release unlocked;
    sum = accumulate(motion, &pictures, frame, height, width, block_height, block_width);
  } else {
    nb::gil_scoped_release unlocked;
    sum = accumulate<std::uint8_t>(motion, nullptr, frame, height, width, block_height, block_width);
  }
  const std::array shape{static_cast<std::size_t>(height), static_cast<std::size_t>(width)};
  nb::object added = nb::none();
  if (residual) {
    added = nb::cast(give<std::int32_t>(std::move(sum.residual), std::array{shape[0], shape[1], std::size_t{3}}));
  }
  return nb::make_tuple(give<float>(std::move(sum.displacement), std::array{shape[0], shape[1], std::size_t{2}}), added,
                        give<std::int32_t>(std::move(sum.source), shape));
}

}  // namespace

void bind_trace(nb::module_& m) {
  m.def("trace", &trace, nb::arg("motion"), nb::arg("ref"), nb::arg("frames"), nb::arg("points"), nb::kw_only(),
        nb::arg("block"), nb::arg("pool"), nb::arg("height"), nb::arg("width"), nb::arg("scale"),
        nb::arg("most_filled"), nb::arg("residual").none(), nb::arg("first"), nb::arg("cells"));
  m.def("accumulate", &accumulate_frame, nb::arg("motion"), nb::arg("ref"), nb::arg("frame"), nb::kw_only(),
        nb::arg("height"), nb::arg("width"), nb::arg("block"), nb::arg("native_height"), nb::arg("native_width"),
        nb::arg("residual").none(), nb::arg("zero"), nb::arg("scale"));
}
