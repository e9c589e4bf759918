// The H.264 reader for Python.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <span>
#include <utility>
#include <vector>

#include "bindings.h"
#include "h264/reader.h"

namespace nb = nanobind;

namespace videotx {
namespace {

std::span<const std::uint8_t> bytes_of(const nb::bytes& data) {
  return {static_cast<const std::uint8_t*>(data.data()), data.size()};
}

std::vector<CodedPicture> pop_all(h264::Reader& reader) {
  std::vector<CodedPicture> pictures;
  while (auto picture = reader.pop()) pictures.push_back(std::move(*picture));
  return pictures;
}

std::optional<std::string> named(const char* tool) {
  return tool == nullptr ? std::nullopt : std::optional<std::string>(tool);
}

}  // namespace

void bind_h264(nb::module_& m) {
  nb::exception<h264::UnsupportedStream>(m, "UnsupportedH264Error", PyExc_ValueError);

  nb::class_<h264::Reader>(m, "H264Reader")
      .def(
          "__init__",
          [](h264::Reader* self, const nb::bytes& extradata, bool residual, bool intra_residual, bool weights) {
            new (self) h264::Reader(bytes_of(extradata), {residual, intra_residual, weights});
          },
          nb::arg("extradata"), nb::kw_only(), nb::arg("residual") = false, nb::arg("intra_residual") = false,
          nb::arg("weights") = false)
      .def(
          "feed",
          [](h264::Reader& self, const nb::bytes& packet, std::int64_t number, bool displayed) {
            const auto data = bytes_of(packet);
            const nb::gil_scoped_release unlocked;
            self.feed(data, number, displayed);
            return pop_all(self);
          },
          nb::arg("packet"), nb::arg("number"), nb::arg("displayed") = true)
      .def("finish", [](h264::Reader& self) {
        const nb::gil_scoped_release unlocked;
        self.finish();
        return pop_all(self);
      });

  nb::class_<h264::Scanner>(m, "H264Scanner")
      .def(
          "__init__",
          [](h264::Scanner* self, const nb::bytes& extradata) { new (self) h264::Scanner(bytes_of(extradata)); },
          nb::arg("extradata"))
      .def(
          "feed", [](h264::Scanner& self, const nb::bytes& packet) { return named(self.feed(bytes_of(packet))); },
          nb::arg("packet"));
}

}  // namespace videotx
