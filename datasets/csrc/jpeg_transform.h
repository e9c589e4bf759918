// From coefficients to pixels, rounded as libjpeg's accurate integer transform and its smooth upsampling round.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace videotx {

// Coefficients of a block before they are dequantised, or its quantisers. Row r and row r + 4 lie side by side, by column:
// pairs that one instruction multiplies and adds. Behind them is room for what damaged data put there.
struct alignas(32) Block {
  std::array<std::int16_t, 64> values{};
  std::array<std::int16_t, 16> beyond{};
};

// Place in a Block of row `row`, column `column`.
constexpr std::size_t place_in_block(std::size_t row, std::size_t column) {
  return 16 * (row % 4) + 2 * column + row / 4;
}

// By column: R, G, B, then their magnitudes, and two numbers that say nothing.
using ResidualColumns = std::array<std::array<std::int16_t, 8>, 8>;

// Rows are worked on in pieces of so many pixels. By less than that rows may be read beyond their ends, and `upsample` may
// write beyond them.
inline constexpr std::size_t kRowPiece = 32;

// What is done on the way.
struct Transforms {
  // Inverse DCT of one block; 8 x 8 samples go to `out`.
  void (*inverse_dct)(const Block& coefficients, const Block& quantisers, std::uint8_t* out, std::size_t stride);

  // One row of chroma at twice its width. `sums` are those of the two rows around it, weighted 3 to 1, with one before
  // and one behind; 2 * `count` samples are written.
  void (*upsample)(const std::uint16_t* sums, std::size_t count, std::uint8_t* out);

  // Full-range BT.601 to RGB, interleaved.
  void (*to_rgb)(const std::uint8_t* y, const std::uint8_t* cb, const std::uint8_t* cr, std::size_t count,
                 std::uint8_t* out);

  // Up to 8 lines of 8 samples as RGB less 128: the sums of each column.
  void (*sum_residual)(const std::uint8_t* y, const std::uint8_t* cb, const std::uint8_t* cr, std::size_t stride,
                       std::size_t lines, ResidualColumns& out);
};

// As this processor does it best.
const Transforms& best_transforms();

// The same without the instructions that not every processor has.
const Transforms& plain_transforms();

}  // namespace videotx
