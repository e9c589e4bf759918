// Inter blocks between their coefficients and their samples.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "mpeg4/coefficients.h"
#include "mpeg4/idct.h"

namespace videotx::mpeg4 {

// Collects blocks of many macroblocks, so that how many each has, which cannot be foreseen, breaks no loop off.
class ResidualQueue {
 public:
  static constexpr std::size_t kBlocksPerMacroblock = 6;

  explicit ResidualQueue(bool xvid) : transform_(xvid ? idct_xvid : idct_simple) {}

  // Empty blocks for the next macroblock.
  std::span<Block> room(std::size_t num_blocks) {
    if (size_ + kBlocksPerMacroblock > kCapacity) flush();
    return std::span(blocks_).subspan(size_, num_blocks);
  }
  // Says where the first `num_blocks` of them belong: to those of the six `places` whose bit of `cbp` (the first one
  // highest) is set.
  void add(std::size_t num_blocks, int cbp, const std::array<SamplePlace, kBlocksPerMacroblock>& places) {
    std::size_t at = size_;
    for (std::size_t i = 0; i < kBlocksPerMacroblock; ++i) {
      places_[at] = places[i];
      at += static_cast<std::size_t>(cbp) >> (kBlocksPerMacroblock - 1 - i) & 1;
    }
    size_ += num_blocks;
  }
  // Writes the samples.
  void flush() {
    for (std::size_t i = 0; i < size_; ++i) transform_(blocks_[i], places_[i].samples, places_[i].stride);
    size_ = 0;
  }

 private:
  static constexpr std::size_t kCapacity = 32;

  void (*transform_)(Block&, std::int16_t*, std::ptrdiff_t);
  std::array<Block, kCapacity> blocks_{};
  std::array<SamplePlace, kCapacity + 1> places_{};  // the last may be written, and is not used
  std::size_t size_ = 0;
};

}  // namespace videotx::mpeg4
