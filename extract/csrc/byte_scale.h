// Linear maps from byte to byte in 16-bit integers, of which a register holds twice as many as of floats, and without the
// way there and back.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace videotx {

class ByteScale {
 public:
  // The scale by about `gain` that takes every byte to what `wanted` lists for it; nothing where integers cannot.
  static std::optional<ByteScale> find(float gain, const std::array<std::uint8_t, 256>& wanted);

  // Rows are `in_stride` and `out_stride` bytes apart, and `width` bytes long.
  void apply(const std::uint8_t* in, std::size_t in_stride, std::size_t width, std::size_t height, std::uint8_t* out,
             std::size_t out_stride) const;

 private:
  ByteScale(std::uint16_t factor, std::uint16_t shift) : factor_(factor), shift_(shift) {}

  std::uint16_t factor_;  // 15 fractional bits
  std::uint16_t shift_;   // taken from the product: 7 fractional bits, less half a unit for rounding
};

}  // namespace videotx
