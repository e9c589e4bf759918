// Decoded 4:2:0 pictures to the colour representation of JPEG.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "colour.h"

namespace videotx {

struct BytePlane {
  std::span<const std::uint8_t> samples;  // from the first of the first row to the last of the last
  std::size_t width = 0;
  std::size_t height = 0;
  std::size_t stride = 0;  // samples from one row to the next
};

// Maps (y - black, cb - 128, cr - 128) by `matrix`, which must keep greys (first column m, 0, 0), and adds 128 to chroma.
// Chroma is half the size of luma, rounded up; `out` is each plane row by row without padding. Values are rounded once, and clamped.
void convert_picture(const std::array<BytePlane, 3>& planes, float black, const Matrix3& matrix,
                     const std::array<std::span<std::uint8_t>, 3>& out);

}  // namespace videotx
