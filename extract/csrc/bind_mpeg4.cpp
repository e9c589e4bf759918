// The MPEG-4 Part 2 reader for Python. Parsing runs without the interpreter lock.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "bindings.h"
#include "mpeg4/peek.h"
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

std::optional<std::tuple<std::string, bool, int>> peek_vop(const nb::bytes& packet, int time_bits, bool global_motion) {
  const auto vop = mpeg4::peek_vop(bytes_of(packet), time_bits, global_motion);
  if (!vop) return std::nullopt;
  return std::tuple(std::string(1, vop->type), vop->coded, vop->rounding ? 1 : 0);
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
  m.def("peek_vop", &peek_vop, nb::arg("packet"), nb::arg("time_bits"), nb::arg("global_motion"));
}

}  // namespace videotx
