// CodedPicture for Python: its arrays are views of the record, which they keep alive. Nothing is copied.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <initializer_list>
#include <string>
#include <type_traits>

#include "bindings.h"
#include "coded_picture.h"

namespace nb = nanobind;

namespace videotx {
namespace {

std::size_t rows4(const CodedPicture& p) { return static_cast<std::size_t>(p.macroblock_rows) * 4; }
std::size_t columns4(const CodedPicture& p) { return static_cast<std::size_t>(p.macroblock_columns) * 4; }

// A read-only array over `values`, or None where they were not asked for.
template <class T>
nb::object view(nb::handle owner, const std::vector<T>& values, std::initializer_list<std::size_t> shape) {
  if (values.empty()) return nb::none();
  return nb::cast(nb::ndarray<nb::numpy, const T>(values.data(), shape, owner));
}

template <class T>
nb::object macroblocks(nb::handle self, const std::vector<T>& values) {
  const auto& p = nb::cast<const CodedPicture&>(self);
  return view(self, values,
              {static_cast<std::size_t>(p.macroblock_rows), static_cast<std::size_t>(p.macroblock_columns)});
}

nb::object plane(nb::handle self, const std::vector<std::int16_t>& values, int block_height, int block_width) {
  const auto& p = nb::cast<const CodedPicture&>(self);
  return view(self, values,
              {static_cast<std::size_t>(p.macroblock_rows * block_height),
               static_cast<std::size_t>(p.macroblock_columns * block_width)});
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
      .def_prop_ro("mv",
                   [](nb::handle self) {
                     const CodedPicture& p = record(self);
                     return view(self, p.mv, {2, rows4(p), columns4(p), 2});
                   })
      .def_prop_ro("ref",
                   [](nb::handle self) {
                     const CodedPicture& p = record(self);
                     return view(self, p.ref, {2, rows4(p), columns4(p)});
                   })
      .def_prop_ro("weights",
                   [](nb::handle self) {
                     const CodedPicture& p = record(self);
                     return view(self, p.weights, {rows4(p) / 2, columns4(p) / 2, 2, 3, 3});
                   })
      .def_prop_ro("macroblock_class", [](nb::handle self) { return macroblocks(self, record(self).macroblock_class); })
      .def_prop_ro("qp", [](nb::handle self) { return macroblocks(self, record(self).qp); })
      .def_prop_ro("macroblock_bits", [](nb::handle self) { return macroblocks(self, record(self).macroblock_bits); })
      .def_prop_ro("residual_y", [](nb::handle self) { return plane(self, record(self).residual_y, 16, 16); })
      .def_prop_ro("residual_cb",
                   [](nb::handle self) {
                     const CodedPicture& p = record(self);
                     return plane(self, p.residual_cb, p.chroma_block_height, p.chroma_block_width);
                   })
      .def_prop_ro("residual_cr", [](nb::handle self) {
        const CodedPicture& p = record(self);
        return plane(self, p.residual_cr, p.chroma_block_height, p.chroma_block_width);
      });
}

}  // namespace videotx
