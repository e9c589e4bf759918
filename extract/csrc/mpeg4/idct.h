// Inverse discrete cosine transforms, in the two integer arithmetics that decoders use for MPEG-4 streams.
//
// The standard only bounds the error of the transform (IEEE 1180), so encoder and decoder drift apart unless both use
// the same arithmetic: libavcodec takes its "simple" one, and Xvid's for streams that identify as Xvid's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mpeg4/coefficients.h"

namespace videotx::mpeg4 {

// Where samples of a block belong.
struct SamplePlace {
  std::int16_t* samples = nullptr;
  std::ptrdiff_t stride = 0;  // from one row to the next
};

// Writes the 8x8 samples to `samples`, whose rows are `stride` apart. `block` is used up and left empty.
void idct_simple(Block& block, std::int16_t* samples, std::ptrdiff_t stride);
void idct_xvid(Block& block, std::int16_t* samples, std::ptrdiff_t stride);

}  // namespace videotx::mpeg4
