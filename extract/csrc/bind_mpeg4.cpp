// The MPEG-4 Part 2 reader for Python. Parsing runs without the interpreter lock.
#include <nanobind/nanobind.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <span>
#include <vector>

#include "bindings.h"
#include "mpeg4/reader.h"

namespace nb = nanobind;

namespace videotx {
namespace {

std::span<const std::uint8_t> bytes_of(const nb::bytes& data) {
  return {static_cast<const std::uint8_t*>(data.data()), data.size()};
}

std::vector<CodedPicture> pop_all(mpeg4::Reader& reader) {
  std::vector<CodedPicture> pictures;
  while (auto picture = reader.pop()) pictures.push_back(std::move(*picture));
  return pictures;
}

}  // namespace

void bind_mpeg4(nb::module_& m) {
  nb::class_<mpeg4::Reader>(m, "Mpeg4Reader")
      .def(
          "__init__",
          [](mpeg4::Reader* self, const nb::bytes& extradata, std::uint32_t codec_tag, bool residual) {
            new (self) mpeg4::Reader(bytes_of(extradata), codec_tag, residual);
          },
          nb::arg("extradata"), nb::arg("codec_tag"), nb::arg("residual"))
      .def(
          "feed",
          [](mpeg4::Reader& self, const nb::bytes& packet, std::int64_t number) {
            const std::span<const std::uint8_t> data = bytes_of(packet);
            const nb::gil_scoped_release release;
            self.feed(data, number);
            return pop_all(self);
          },
          nb::arg("packet"), nb::arg("number"))
      .def("finish", [](mpeg4::Reader& self) {
        const nb::gil_scoped_release release;
        self.finish();
        return pop_all(self);
      });
}

}  // namespace videotx
