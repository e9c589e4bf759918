// The Python boundary of stored pictures.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "bindings.h"
#include "jpeg_picture.h"
#include "residual.h"

namespace nb = nanobind;
using namespace videotx;

namespace {

using Pixels = nb::ndarray<std::uint8_t, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

// Tables and buffers outlive a picture; each thread has its own. Tests ask for the plain one.
JpegPicture& decoder(bool plain = false) {
  if (plain) {
    thread_local JpegPicture picture(plain_transforms());
    return picture;
  }
  thread_local JpegPicture picture;
  return picture;
}

std::span<const std::uint8_t> bytes_of(const nb::bytes& data) {
  return {static_cast<const std::uint8_t*>(data.data()), data.size()};
}

Region region_of(const Pixels& out, int top, int left) {
  if (out.shape(2) != 3) {
    throw std::invalid_argument("expected pixels (y, x, 3)");
  }
  return {top, left, static_cast<int>(out.shape(0)), static_cast<int>(out.shape(1))};
}

void open_picture(JpegPicture& picture, std::span<const std::uint8_t> data, std::pair<int, int> size) {
  picture.open(data);
  if (picture.height() != size.first || picture.width() != size.second) {
    throw JpegError("expected a JPEG of " + std::to_string(size.first) + " x " + std::to_string(size.second) +
                    ", got " + std::to_string(picture.height()) + " x " + std::to_string(picture.width()));
  }
}

void decode_picture(const nb::bytes& data, std::pair<int, int> size, int top, int left, const Pixels& out,
                    bool plain) {
  const auto bytes = bytes_of(data);
  const Region region = region_of(out, top, left);
  nb::gil_scoped_release unlocked;
  JpegPicture& picture = decoder(plain);
  open_picture(picture, bytes, size);
  picture.read(region);
  picture.rgb(region, out.data());
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
                    const In<std::int32_t, 1>& y, const Cells& out, int top, int left,
                    const std::optional<Pixels>& shown) {
  const auto bytes = bytes_of(data);
  const CellBorders borders =
      borders_of(x, y, out, {1, static_cast<std::size_t>(size.first), static_cast<std::size_t>(size.second)});
  const Region region = shown ? region_of(*shown, top, left) : Region{};
  nb::gil_scoped_release unlocked;
  JpegPicture& picture = decoder();
  open_picture(picture, bytes, size);
  if (picture.halved()) {
    throw JpegError("expected a residual in 4:4:4, got 4:2:0");
  }
  reduce_to_cells(picture.read({0, 0, size.first, size.second}), scale, borders, out.data());
  if (shown) {
    picture.rgb(region, shown->data());
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
  m.def("decode_picture", &decode_picture, nb::arg("data"), nb::arg("size"), nb::arg("top"), nb::arg("left"),
        nb::arg("out"), nb::arg("plain") = false,
        "Decode a part of a JPEG of size (height, width) into out, uint8 (y, x, 3).");
  m.def("to_rgb_units", &to_rgb_units, nb::arg("stored"), nb::arg("zero"), nb::arg("scale"), nb::arg("out"),
        "(stored - zero) * scale into out, int16.");
  m.def("reduce_pictures", &reduce_pictures, nb::arg("pictures"), nb::arg("zero"), nb::arg("scale"), nb::arg("x"),
        nb::arg("y"), nb::arg("out"), "Mean and mean absolute residual of the cells of pictures.");
  m.def("reduce_picture", &reduce_picture, nb::arg("data"), nb::arg("size"), nb::arg("scale"), nb::arg("x"),
        nb::arg("y"), nb::arg("out"), nb::arg("top"), nb::arg("left"), nb::arg("shown").none(),
        "The same of one residual picture still coded, and what it shows of it.");
}
