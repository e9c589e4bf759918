// Residuals of 4:2:0 pictures at their own size to JPEG's planes, tile by tile and only where there is something.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "colour.h"

namespace videotx {

// Whether `convert_tiles` takes these planes: chroma of half the size of luma, or none, and luma of the target size.
bool fit_tiles(const std::array<SignedPlane, 3>& planes, int width, int height);

// What `convert_residual` does for planes that fit, to the same values. `out` is [3][height][width].
void convert_tiles(const std::array<SignedPlane, 3>& planes, const Matrix3& matrix, float offset,
                   std::span<std::uint8_t> out);

}  // namespace videotx
