// The functions of `Passes` for processors with AVX2.
#pragma once

#include <cstddef>
#include <cstdint>

#include "clones.h"
#include "resample.h"

#if defined(VIDEOTX_AVX2)
namespace videotx {

VIDEOTX_AVX2 void along_avx2(const std::uint8_t* row, const Axis& axis, std::uint8_t* out);
VIDEOTX_AVX2 void down_avx2(const std::uint8_t* const* rows, const Axis& axis, std::size_t at, std::size_t count,
                            std::uint8_t* out);

}  // namespace videotx
#endif
