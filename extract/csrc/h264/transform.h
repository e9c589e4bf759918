// Inverse transforms of the residual (clauses 8.5.10 to 8.5.13), bit-exact. Coefficients are scaled and in raster order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace videotx::h264 {

using Block4x4 = std::array<std::int32_t, 16>;
using Block8x8 = std::array<std::int32_t, 64>;

void inverse_transform4x4(const Block4x4& coefficients, std::int16_t* out, std::size_t stride);
void inverse_transform8x8(const Block8x8& coefficients, std::int16_t* out, std::size_t stride);
// A block with nothing but its DC coefficient.
void fill_dc(std::int32_t dc, std::size_t size, std::int16_t* out, std::size_t stride);
// Transform bypass: the coefficients are the residual (clause 8.5.15 without intra prediction).
void copy_block(const std::int32_t* coefficients, std::size_t size, std::int16_t* out, std::size_t stride);

// DC of Intra_16x16 in raster order of blocks (clause 8.5.10); `scale` is the entry of position 0.
void inverse_luma_dc(Block4x4& dc, std::int32_t scale);
// DC of chroma in raster order of blocks, two wide (clause 8.5.11). For 4:2:2 `scale` is that of QP'c + 3.
void inverse_chroma_dc420(std::array<std::int32_t, 8>& dc, std::int32_t scale);
void inverse_chroma_dc422(std::array<std::int32_t, 8>& dc, std::int32_t scale);

}  // namespace videotx::h264
