// CodedPicture for Python: its arrays are views of the record, which they keep alive; what is cropped is copied into
// arrays of the caller.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <string>
#include <type_traits>

#include "bindings.h"
#include "coded_picture.h"

namespace nb = nanobind;

namespace videotx {
namespace {

std::size_t rows4(const CodedPicture& p) { return static_cast<std::size_t>(p.macroblock_rows) * 4; }
std::size_t columns4(const CodedPicture& p) { return static_cast<std::size_t>(p.macroblock_columns) * 4; }

// Cells of a grid by the luma sample at their top left: the first of them, how many, and how far apart, in halves of the
// grid's own cells. 1, 2 and 4 are the distances there are.
struct Part {
  std::size_t left, top, rows, columns, step;

  [[nodiscard]] std::size_t row(std::size_t y) const { return (top + y * step) / 2; }
};

// `N` numbers per cell. Known steps let the compiler take many cells at once.
template <std::size_t N, std::size_t kStep, class T>
void copy_cells(const T* from, std::size_t left, std::size_t columns, T* to) {
  for (std::size_t x = 0; x < columns; ++x) {
    for (std::size_t i = 0; i < N; ++i) to[x * N + i] = from[(left + x * kStep) / 2 * N + i];
  }
}

// Of a row of the grid.
template <std::size_t N, class T>
void copy_row(const T* from, const Part& part, T* to) {
  if (part.step == 2) {
    std::copy_n(from + part.left / 2 * N, part.columns * N, to);
  } else if (part.step == 4) {
    copy_cells<N, 4>(from + part.left / 2 * N, 0, part.columns, to);
  } else {
    copy_cells<N, 1>(from, part.left, part.columns, to);
  }
}

// A read-only array over `values`, or None where they were not asked for.
template <class T>
nb::object view(nb::handle owner, const std::vector<T>& values, std::initializer_list<std::size_t> shape) {
  if (values.empty()) return nb::none();
  return nb::cast(nb::ndarray<nb::numpy, const T>(values.data(), shape, owner));
}

// The motion of 4x4 luma samples, `N` numbers each: a view, or a copy of larger cells.
template <std::size_t N, class T>
nb::object cells(nb::handle self, const std::vector<T>& values, std::initializer_list<std::size_t> shape) {
  const auto& p = nb::cast<const CodedPicture&>(self);
  if (p.cell == 4 || values.empty()) return view(self, values, shape);
  const Part part{0, 0, 2 * rows4(p), columns4(p), 1};  // both lists, one below the other
  auto copy = std::make_unique<std::vector<T>>(part.rows * part.columns * N);
  for (std::size_t row = 0; row < part.rows; ++row) {
    copy_row<N>(values.data() + part.row(row) * part.columns / 2 * N, part, copy->data() + row * part.columns * N);
  }
  const T* data = copy->data();
  const auto drop = [](void* owned) noexcept { std::unique_ptr<std::vector<T>>(static_cast<std::vector<T>*>(owned)).reset(); };
  const nb::capsule owner(copy.get(), drop);
  static_cast<void>(copy.release());  // the capsule has it
  return nb::cast(nb::ndarray<nb::numpy, const T>(data, shape, owner));
}

template <class T>
nb::object macroblocks(nb::handle self, const std::vector<T>& values) {
  const auto& p = nb::cast<const CodedPicture&>(self);
  return view(self, values,
              {static_cast<std::size_t>(p.macroblock_rows), static_cast<std::size_t>(p.macroblock_columns)});
}

nb::object plane(nb::handle self, std::vector<std::int16_t> ResidualPlanes::* samples, int block_height,
                 int block_width) {
  const auto& p = nb::cast<const CodedPicture&>(self);
  if (!p.residual) return nb::none();
  return view(self, (*p.residual).*samples,
              {static_cast<std::size_t>(p.macroblock_rows * block_height),
               static_cast<std::size_t>(p.macroblock_columns * block_width)});
}

using Vectors = nb::ndarray<std::int16_t, nb::shape<2, -1, -1, 2>, nb::c_contig, nb::device::cpu>;
using References = nb::ndarray<std::int8_t, nb::shape<2, -1, -1>, nb::c_contig, nb::device::cpu>;
using Quantisers = nb::ndarray<std::int8_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// Where `rows` x `columns` blocks of `block` samples, the first of which lies at the crop, are in a grid of cells of `cell`.
Part part_of(const CodedPicture& p, int cell, int block, int crop_left, int crop_top, std::size_t rows,
             std::size_t columns) {
  const auto fits = [&](int from, std::size_t count, int macroblocks) {
    if (from < 0 || from > 16 * macroblocks) return false;
    return count == 0 || static_cast<std::size_t>(from) + (count - 1) * static_cast<std::size_t>(block) <
                             static_cast<std::size_t>(macroblocks) * 16;
  };
  if (!fits(crop_top, rows, p.macroblock_rows) || !fits(crop_left, columns, p.macroblock_columns)) {
    throw nb::value_error("the arrays reach beyond the coded picture");
  }
  return {static_cast<std::size_t>(2 * crop_left / cell), static_cast<std::size_t>(2 * crop_top / cell), rows, columns,
          static_cast<std::size_t>(2 * block / cell)};
}

// The motion of the native picture, by the cell over the top left sample of each block of `block` samples.
void crop_motion(const CodedPicture& p, Vectors mv, References ref, int block, int crop_left, int crop_top) {
  if (block != 4 && block != 8) throw nb::value_error("expected blocks of 4 or 8");
  const Part part = part_of(p, p.cell, block, crop_left, crop_top, ref.shape(1), ref.shape(2));
  if (mv.shape(1) != part.rows || mv.shape(2) != part.columns) throw nb::value_error("mv and ref differ in shape");
  const std::size_t columns = columns4(p) * 4 / static_cast<std::size_t>(p.cell);
  const std::size_t rows = rows4(p) * 4 / static_cast<std::size_t>(p.cell);
  if (p.ref.size() != 2 * rows * columns || p.mv.size() != 2 * p.ref.size()) {
    throw nb::value_error("the picture holds no motion");
  }
  std::int16_t* to_mv = mv.data();
  std::int8_t* to_ref = ref.data();
  for (std::size_t list = 0; list < 2; ++list) {
    for (std::size_t row = 0; row < part.rows; ++row) {
      const std::size_t at = (list * rows + part.row(row)) * columns;
      copy_row<2>(p.mv.data() + 2 * at, part, to_mv);
      copy_row<1>(p.ref.data() + at, part, to_ref);
      to_mv += 2 * part.columns;
      to_ref += part.columns;
    }
  }
}

void crop_quantisers(const CodedPicture& p, Quantisers qp, int crop_left, int crop_top) {
  const Part part = part_of(p, 16, 16, crop_left, crop_top, qp.shape(0), qp.shape(1));
  const auto columns = static_cast<std::size_t>(p.macroblock_columns);
  for (std::size_t row = 0; row < part.rows; ++row) {
    copy_row<1>(p.qp.data() + part.row(row) * columns, part, qp.data() + row * part.columns);
  }
}

// A view of the `rows` x `columns` samples from (top, left) on of a plane, None where there is none.
nb::object crop_plane(nb::handle self, const std::vector<std::int16_t>& values, std::size_t stride, std::size_t top,
                      std::size_t left, std::size_t rows, std::size_t columns) {
  if (values.empty()) return nb::none();
  const std::size_t height = values.size() / stride;
  if (columns > stride || left > stride - columns || rows > height || top > height - rows) {
    throw nb::value_error("the arrays reach beyond the coded picture");
  }
  return nb::cast(nb::ndarray<nb::numpy, const std::int16_t>(values.data() + top * stride + left, {rows, columns}, self,
                                                             {static_cast<std::int64_t>(stride), 1}));
}

nb::tuple crop_residual(nb::handle self, std::size_t width, std::size_t height, std::size_t crop_left,
                        std::size_t crop_top) {
  const auto& p = nb::cast<const CodedPicture&>(self);
  if (!p.residual) return nb::make_tuple(nb::none(), nb::none(), nb::none());
  const auto crop = [&](const std::vector<std::int16_t>& values, int block_height, int block_width) {
    const std::size_t step_y = block_height > 0 ? static_cast<std::size_t>(16 / block_height) : 1;
    const std::size_t step_x = block_width > 0 ? static_cast<std::size_t>(16 / block_width) : 1;
    return crop_plane(self, values, static_cast<std::size_t>(p.macroblock_columns * block_width), crop_top / step_y,
                      crop_left / step_x, (height + step_y - 1) / step_y, (width + step_x - 1) / step_x);
  };
  const ResidualPlanes& planes = *p.residual;
  return nb::make_tuple(crop(planes.y, 16, 16), crop(planes.cb, p.chroma_block_height, p.chroma_block_width),
                        crop(planes.cr, p.chroma_block_height, p.chroma_block_width));
}

const CodedPicture& record(nb::handle self) { return nb::cast<const CodedPicture&>(self); }

}  // namespace

void bind_coded_picture(nb::module_& m) {
  nb::class_<CodedPicture>(m, "CodedPicture")
      .def_ro("id", &CodedPicture::id)
      .def_ro("packet", &CodedPicture::packet)
      .def_prop_ro("type", [](const CodedPicture& p) { return std::string(1, p.type); })
      .def_ro("key", &CodedPicture::key)
      .def_ro("damaged", &CodedPicture::damaged)
      .def_ro("motion_unknown", &CodedPicture::motion_unknown)
      .def_ro("field_motion", &CodedPicture::field_motion)
      .def_ro("num_bits", &CodedPicture::num_bits)
      .def_ro("macroblock_columns", &CodedPicture::macroblock_columns)
      .def_ro("macroblock_rows", &CodedPicture::macroblock_rows)
      .def("crop_motion", &crop_motion, nb::arg("mv").noconvert(), nb::arg("ref").noconvert(), nb::arg("block"),
           nb::arg("crop_left"), nb::arg("crop_top"))
      .def("crop_quantisers", &crop_quantisers, nb::arg("qp").noconvert(), nb::arg("crop_left"), nb::arg("crop_top"))
      .def("crop_residual", &crop_residual, nb::arg("width"), nb::arg("height"), nb::arg("crop_left"),
           nb::arg("crop_top"))
      .def_prop_ro("mv",
                   [](nb::handle self) {
                     const CodedPicture& p = record(self);
                     return cells<2>(self, p.mv, {2, rows4(p), columns4(p), 2});
                   })
      .def_prop_ro("ref",
                   [](nb::handle self) {
                     const CodedPicture& p = record(self);
                     return cells<1>(self, p.ref, {2, rows4(p), columns4(p)});
                   })
      .def_prop_ro("weights",
                   [](nb::handle self) {
                     const CodedPicture& p = record(self);
                     return view(self, p.weights, {rows4(p) / 2, columns4(p) / 2, 2, 3, 3});
                   })
      .def_prop_ro("field_macroblock", [](nb::handle self) { return macroblocks(self, record(self).field_macroblock); })
      .def_prop_ro("coded_mv",
                   [](nb::handle self) {
                     const CodedPicture& p = record(self);
                     return view(self, p.coded_mv, {2, rows4(p), columns4(p), 2});
                   })
      .def_prop_ro("coded_ref",
                   [](nb::handle self) {
                     const CodedPicture& p = record(self);
                     return view(self, p.coded_ref, {2, rows4(p), columns4(p)});
                   })
      .def_prop_ro("coded_structure",
                   [](nb::handle self) {
                     const CodedPicture& p = record(self);
                     return view(self, p.coded_structure, {2, rows4(p), columns4(p)});
                   })
      .def_prop_ro("macroblock_class", [](nb::handle self) { return macroblocks(self, record(self).macroblock_class); })
      .def_prop_ro("qp", [](nb::handle self) { return macroblocks(self, record(self).qp); })
      .def_prop_ro("macroblock_bits", [](nb::handle self) { return macroblocks(self, record(self).macroblock_bits); })
      .def_prop_ro("residual_y", [](nb::handle self) { return plane(self, &ResidualPlanes::y, 16, 16); })
      .def_prop_ro("residual_cb",
                   [](nb::handle self) {
                     const CodedPicture& p = record(self);
                     return plane(self, &ResidualPlanes::cb, p.chroma_block_height, p.chroma_block_width);
                   })
      .def_prop_ro("residual_cr", [](nb::handle self) {
        const CodedPicture& p = record(self);
        return plane(self, &ResidualPlanes::cr, p.chroma_block_height, p.chroma_block_width);
      });
}

}  // namespace videotx
