// The functions of `Transforms` for processors with AVX2.
#pragma once

#include <cstddef>
#include <cstdint>

#include "clones.h"
#include "jpeg_transform.h"

#if defined(VIDEOTX_AVX2)
namespace videotx {

VIDEOTX_AVX2 void inverse_dct_avx2(const Block& coefficients, const Block& quantisers, std::uint8_t* out,
                                   std::size_t stride);
VIDEOTX_AVX2 void upsample_avx2(const std::uint16_t* sums, std::size_t count, std::uint8_t* out);
VIDEOTX_AVX2 void to_rgb_avx2(const std::uint8_t* y, const std::uint8_t* cb, const std::uint8_t* cr, std::size_t count,
                              std::uint8_t* out);
VIDEOTX_AVX2 void sum_residual_avx2(const std::uint8_t* y, const std::uint8_t* cb, const std::uint8_t* cr,
                                    std::size_t stride, std::size_t lines, ResidualColumns& out);

}  // namespace videotx
#endif
