// Residual planes to another size and colour representation, by linear maps alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace videotx {

using Matrix3 = std::array<float, 9>;  // row by row

struct SignedPlane {
  std::span<const std::int16_t> samples;  // from the first of the first row to the last of the last; empty for zeros
  int width = 0;
  int height = 0;
  std::size_t stride = 0;  // samples from one row to the next
};

enum class Layout { kInterleaved, kPlanar };  // [height][width][3], or [3][height][width]

// Scales three planes to `width` x `height` (triangle filter, as wide as the shrinking asks for), maps each triple of
// samples by `matrix` and adds `offset`. Values are rounded and clamped to their type.
void convert_residual(const std::array<SignedPlane, 3>& planes, int width, int height, const Matrix3& matrix, float offset,
                      Layout layout, std::span<std::int16_t> out);
void convert_residual(const std::array<SignedPlane, 3>& planes, int width, int height, const Matrix3& matrix, float offset,
                      Layout layout, std::span<std::uint8_t> out);

}  // namespace videotx
