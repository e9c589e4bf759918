// The Python boundary of stored pictures.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "bindings.h"
#include "jpeg_picture.h"
#include "resample.h"
#include "residual.h"

namespace nb = nanobind;
using namespace videotx;

namespace {

using Pixels = nb::ndarray<std::uint8_t, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using RegionTuple = std::array<int, 4>;

// What one thread makes pictures with: tables and buffers outlive a picture.
struct Tools {
  JpegPicture picture;
  Resampler resampler;
};

// Each thread has its own. Tests ask for the plain ones.
Tools& tools(bool plain = false) {
  if (plain) {
    thread_local Tools plain_tools{JpegPicture(plain_transforms()), Resampler(plain_passes())};
    return plain_tools;
  }
  thread_local Tools best_tools;
  return best_tools;
}

std::span<const std::uint8_t> bytes_of(const nb::bytes& data) {
  return {static_cast<const std::uint8_t*>(data.data()), data.size()};
}

// A picture that is written row by row, RGB.
struct Shown {
  int height = 0;
  int width = 0;
  std::uint8_t* rows = nullptr;
};

Shown shown_in(std::uint8_t* rows, std::size_t height, std::size_t width, std::size_t channels) {
  if (channels != 3 || height == 0 || width == 0) {
    throw std::invalid_argument("expected room for at least one pixel of 3 channels");
  }
  return {static_cast<int>(height), static_cast<int>(width), rows};
}

Shown shown_in(const Pixels& out) { return shown_in(out.data(), out.shape(0), out.shape(1), out.shape(2)); }

Region region_of(const RegionTuple& borders) { return {borders[0], borders[1], borders[2], borders[3]}; }

// `row_into` writes one row of the region where it is told to; they are resized to the size shown.
template <typename RowInto>
void show(Resampler& resampler, const Region& region, const Shown& out, const RowInto& row_into) {
  if (region.height == out.height && region.width == out.width) {
    const std::size_t stride = 3 * static_cast<std::size_t>(out.width);
    for (int row = 0; row < region.height; ++row) {
      row_into(row, out.rows + static_cast<std::size_t>(row) * stride);
    }
    return;
  }
  resampler.begin(region.height, region.width, out.height, out.width, out.rows);
  for (int row = 0; row < region.height; ++row) {
    row_into(row, resampler.row());
    resampler.push();
  }
}

void show(Tools& with, const Region& region, const Shown& out) {
  with.picture.show(region);
  show(with.resampler, region, out, [&](int row, std::uint8_t* to) { with.picture.rgb(row, to); });
}

void open_picture(JpegPicture& picture, std::span<const std::uint8_t> data, std::pair<int, int> size) {
  picture.open(data);
  if (picture.height() != size.first || picture.width() != size.second) {
    throw JpegError("expected a JPEG of " + std::to_string(size.first) + " x " + std::to_string(size.second) +
                    ", got " + std::to_string(picture.height()) + " x " + std::to_string(picture.width()));
  }
}

void decode_picture(const nb::bytes& data, std::pair<int, int> size, const RegionTuple& borders, const Pixels& out,
                    bool plain) {
  const auto bytes = bytes_of(data);
  const Region region = region_of(borders);
  const Shown shown = shown_in(out);
  nb::gil_scoped_release unlocked;
  Tools& with = tools(plain);
  open_picture(with.picture, bytes, size);
  with.picture.read(region);
  show(with, region, shown);
}

void resize(const In<std::uint8_t, 4>& pictures, const RegionTuple& borders,
            const nb::ndarray<std::uint8_t, nb::ndim<4>, nb::c_contig, nb::device::cpu>& out, bool plain) {
  const Region region = region_of(borders);
  const auto height = static_cast<int>(pictures.shape(1)), width = static_cast<int>(pictures.shape(2));
  if (pictures.shape(3) != 3 || out.shape(0) != pictures.shape(0)) {
    throw std::invalid_argument("expected pictures (frame, y, x, 3) and room for as many");
  }
  if (region.top < 0 || region.left < 0 || region.height < 1 || region.width < 1 ||
      region.height > height - region.top || region.width > width - region.left) {
    throw std::invalid_argument("expected a region inside " + std::to_string(height) + " x " + std::to_string(width));
  }
  const std::size_t stride = 3 * pictures.shape(2), in_size = pictures.shape(1) * stride;
  const std::size_t out_size = out.shape(1) * out.shape(2) * 3;
  const std::size_t row_bytes = 3 * static_cast<std::size_t>(region.width);
  Shown shown = shown_in(out.data(), out.shape(1), out.shape(2), out.shape(3));
  nb::gil_scoped_release unlocked;
  const std::uint8_t* from = pictures.data() + static_cast<std::size_t>(region.top) * stride +
                             3 * static_cast<std::size_t>(region.left);
  for (std::size_t frame = 0; frame < out.shape(0); ++frame, from += in_size, shown.rows += out_size) {
    show(tools(plain).resampler, region, shown, [&](int row, std::uint8_t* to) {
      std::memcpy(to, from + static_cast<std::size_t>(row) * stride, row_bytes);
    });
  }
}

void check_borders(const In<std::int32_t, 1>& borders, std::size_t length) {
  const std::int32_t* at = borders.data();
  if (borders.size() < 2 || at[0] != 0 || at[borders.size() - 1] != static_cast<std::int64_t>(length) ||
      !std::is_sorted(at, at + borders.size())) {
    throw std::invalid_argument("expected borders of cells that ascend from 0 to " + std::to_string(length));
  }
}

using Cells = nb::ndarray<float, nb::ndim<4>, nb::c_contig, nb::device::cpu>;

CellBorders borders_of(const In<std::int32_t, 1>& x, const In<std::int32_t, 1>& y, const Cells& out,
                       std::array<std::size_t, 3> pictures) {
  check_borders(x, pictures[2]);
  check_borders(y, pictures[1]);
  if (out.shape(0) != pictures[0] || out.shape(1) + 1 != y.size() || out.shape(2) + 1 != x.size() ||
      out.shape(3) != kResidualValues) {
    throw std::invalid_argument("expected room for (frame, row, column, 6) of the cells");
  }
  return {{x.data(), x.size()}, {y.data(), y.size()}};
}

void reduce_pictures(const Pictures& pictures, int zero, int scale, const In<std::int32_t, 1>& x,
                     const In<std::int32_t, 1>& y, const Cells& out) {
  std::visit(
      [&](const auto& array) {
        const auto checked = residual_pictures(array, array.shape(0), zero, scale);
        const CellBorders borders = borders_of(x, y, out, {array.shape(0), array.shape(1), array.shape(2)});
        nb::gil_scoped_release unlocked;
        reduce_to_cells(checked, borders, out.data());
      },
      pictures);
}

void reduce_picture(const nb::bytes& data, std::pair<int, int> size, int scale, const In<std::int32_t, 1>& x,
                    const In<std::int32_t, 1>& y, const Cells& out, const RegionTuple& region,
                    const std::optional<Pixels>& shown) {
  const auto bytes = bytes_of(data);
  const CellBorders borders =
      borders_of(x, y, out, {1, static_cast<std::size_t>(size.first), static_cast<std::size_t>(size.second)});
  const std::optional<Shown> to = shown ? std::optional(shown_in(*shown)) : std::nullopt;
  nb::gil_scoped_release unlocked;
  Tools& with = tools();
  open_picture(with.picture, bytes, size);
  if (with.picture.halved()) {
    throw JpegError("expected a residual in 4:4:4, got 4:2:0");
  }
  reduce_to_cells(with.picture.read({0, 0, size.first, size.second}), scale, borders, out.data());
  if (to) {
    show(with, region_of(region), *to);
  }
}

void to_rgb_units(const In<std::uint8_t, 4>& stored, int zero, int scale,
                  const nb::ndarray<std::int16_t, nb::ndim<4>, nb::c_contig, nb::device::cpu>& out) {
  if (out.size() != stored.size()) {
    throw std::invalid_argument("expected room for as many numbers as are stored");
  }
  const std::uint8_t* const from = stored.data();
  std::int16_t* const to = out.data();
  const std::size_t count = stored.size();
  nb::gil_scoped_release unlocked;
  const auto less = static_cast<std::int16_t>(zero), times = static_cast<std::int16_t>(scale);
  for (std::size_t i = 0; i < count; ++i) {
    to[i] = static_cast<std::int16_t>((from[i] - less) * times);
  }
}

}  // namespace

void bind_pictures(nb::module_& m) {
  nb::register_exception_translator([](const std::exception_ptr& error, void*) {
    try {
      std::rethrow_exception(error);
    } catch (const JpegError& damage) {
      PyErr_SetString(PyExc_ValueError, damage.what());
    }
  });
  m.def("decode_picture", &decode_picture, nb::arg("data"), nb::arg("size"), nb::arg("region"), nb::arg("out"),
        nb::arg("plain") = false, "Decode a part of a JPEG of size (height, width) into out, uint8 (y, x, 3).");
  m.def("resize", &resize, nb::arg("pictures"), nb::arg("region"), nb::arg("out"), nb::arg("plain") = false,
        "A part of pictures, uint8 (frame, y, x, 3), at the size of out.");
  m.def("to_rgb_units", &to_rgb_units, nb::arg("stored"), nb::arg("zero"), nb::arg("scale"), nb::arg("out"),
        "(stored - zero) * scale into out, int16.");
  m.def("reduce_pictures", &reduce_pictures, nb::arg("pictures"), nb::arg("zero"), nb::arg("scale"), nb::arg("x"),
        nb::arg("y"), nb::arg("out"), "Mean and mean absolute residual of the cells of pictures.");
  m.def("reduce_picture", &reduce_picture, nb::arg("data"), nb::arg("size"), nb::arg("scale"), nb::arg("x"),
        nb::arg("y"), nb::arg("out"), nb::arg("region"), nb::arg("shown").none(),
        "The same of one residual picture still coded, and what it shows of it.");
}
