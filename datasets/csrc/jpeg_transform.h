// From coefficients to pixels, rounded as libjpeg's accurate integer transform and its smooth upsampling round.
#pragma once

#include <cstddef>
#include <cstdint>

namespace videotx {

// Inverse DCT of one block. `coefficients` are dequantised, row by row; 8 x 8 samples go to `out`.
void inverse_dct(const std::int32_t* coefficients, std::uint8_t* out, std::size_t stride);

// One row of chroma at twice its width: `near` and `far` are the two rows around it, weighted 3 to 1, then the same
// along the row. Writes 2 * `count` samples. Reads one sample before and one after the row.
void upsample_row(const std::uint8_t* near, const std::uint8_t* far, std::size_t count, std::uint16_t* sums,
                  std::uint8_t* out);

// Full-range BT.601 to RGB, interleaved.
void to_rgb(const std::uint8_t* y, const std::uint8_t* cb, const std::uint8_t* cr, std::size_t count, std::uint8_t* out);

// Lines of 8 samples as RGB less 128: adds the sums of each of the eight columns, R, G and B, and then those of their
// magnitudes, to `sums` (6, 8).
void add_residual(const std::uint8_t* y, const std::uint8_t* cb, const std::uint8_t* cr, std::size_t stride,
                  std::size_t lines, std::int32_t* sums);

}  // namespace videotx
