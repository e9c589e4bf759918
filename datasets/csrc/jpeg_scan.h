// The MCUs of a scan, one after another: skipped or decoded.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "clones.h"
#include "jpeg_bits.h"
#include "jpeg_error.h"
#include "jpeg_header.h"
#include "jpeg_planes.h"
#include "jpeg_transform.h"

namespace videotx {

// A block of an MCU.
struct BlockPlace {
  const DcTable* dc;
  const AcTable* ac;
  const Block* quantisers;
  int* level;         // the last DC coefficient of its component
  std::uint8_t* out;  // in the first MCU of a row
  std::size_t stride;
  std::size_t step;  // samples from one MCU to the next
};

// Takes one MCU after another from a scan. The bits are copies in every loop, for the compiler to keep in registers, which
// is why everything is inlined.
class ScanReader {
 public:
  // Of `scan`, without stuffed bytes, kMostBlockBytes more can be read. The wanted MCUs go to `planes`.
  ScanReader(const JpegHeader& header, const Transforms& transforms, std::span<const std::uint8_t> scan, Planes& planes)
      : bits_{scan.data()}, end_(scan.data() + scan.size()), inverse_dct_(transforms.inverse_dct) {
    for (std::size_t i = 0; i < 3; ++i) {
      const JpegComponent& component = header.components[i];
      const auto per_side = static_cast<std::size_t>(component.blocks);
      for (std::size_t b = 0; b < per_side * per_side; ++b) {
        blocks_[num_blocks_++] = {&header.dc[component.dc],
                                  &header.ac[component.ac],
                                  &header.quantisers[component.quantiser],
                                  &levels_[i],
                                  planes.samples[i].data() + 8 * (b / per_side * planes.stride[i] + b % per_side),
                                  planes.stride[i],
                                  8 * per_side};
      }
    }
    find_flat();
  }
  ScanReader(const ScanReader&) = delete;
  ScanReader& operator=(const ScanReader&) = delete;

  // Throws JpegError, like `decode`, when the data end early or are no scan.
  VIDEOTX_INLINE void skip(int num_mcus) {
    Bits bits = bits_;
    for (int i = 0; i < num_mcus; ++i) {
      for (std::size_t b = 0; b < num_blocks_; ++b) {
        (void)take_level(bits, blocks_[b]);
        skip_coefficients(bits, *blocks_[b].ac);
      }
    }
    bits_ = bits;
  }

  // Decode the MCU in a column of those wanted. Returns whether any of its samples is not 128.
  VIDEOTX_INLINE bool decode(std::size_t column) {
    Bits bits = bits_;
    bool touched = false;
    refill(bits);
    if (flat_length_ > 0 && ((bits.word ^ flat_) & flat_mask_) == 0) {
      check_end(bits);
      drop(bits, flat_length_);
      bits_ = bits;
      return fill_all(column);
    }
    for (std::size_t b = 0; b < num_blocks_; ++b) {
      const BlockPlace& place = blocks_[b];
      const int level = take_level(bits, place);
      const std::size_t last = take_coefficients(bits, *place.ac, coefficients_.values.data());
      std::uint8_t* const out = place.out + column * place.step;
      touched |= last > 0 || level != 0;
      if (last == 0) {
        fill(place, level, out);
        continue;
      }
      coefficients_.values[0] = static_cast<std::int16_t>(level);
      inverse_dct_(coefficients_, *place.quantisers, out, place.stride);
      coefficients_.values.fill(0);
    }
    bits_ = bits;
    return touched;
  }

  void next_row() {
    for (std::size_t b = 0; b < num_blocks_; ++b) {
      blocks_[b].out += blocks_[b].step * blocks_[b].stride;
    }
  }

 private:
  // What an MCU without anything new looks like: of residuals most are. Where that does not fit into the bits at hand
  // nothing ever does.
  void find_flat() {
    std::uint64_t code = 0;
    int length = 0;
    for (std::size_t b = 0; b < num_blocks_; ++b) {
      for (const HuffmanCode& part : {blocks_[b].dc->same, blocks_[b].ac->end}) {
        if (part.length == 0 || length + part.length > 56) {
          return;
        }
        code = code << part.length | part.bits;
        length += part.length;
      }
    }
    flat_ = code << (64 - length);
    flat_mask_ = ~std::uint64_t{0} << (64 - length);
    flat_length_ = length;
  }

  bool fill_all(std::size_t column) const {
    bool touched = false;
    for (std::size_t b = 0; b < num_blocks_; ++b) {
      const BlockPlace& place = blocks_[b];
      fill(place, *place.level, place.out + column * place.step);
      touched |= *place.level != 0;
    }
    return touched;
  }

  VIDEOTX_INLINE void check_end(const Bits& bits) const {
    if (bits.next > end_ + 8) [[unlikely]] {
      throw JpegError("the scan of a JPEG ends early");
    }
  }

  VIDEOTX_INLINE int take_level(Bits& bits, const BlockPlace& place) {
    check_end(bits);
    // Differences of damaged data may run away; pictures stay within 12 bits.
    int level = *place.level + take_difference(bits, *place.dc);
    level = level < -4096 ? -4096 : level;
    level = level > 4095 ? 4095 : level;
    return *place.level = level;
  }

  static VIDEOTX_INLINE void fill(const BlockPlace& place, int level, std::uint8_t* out) {
    const int sample = std::clamp(((level * place.quantisers->values[0] + 4) >> 3) + 128, 0, 255);
    for (std::size_t y = 0; y < 8; ++y) {
      std::memset(out + y * place.stride, sample, 8);
    }
  }

  Bits bits_;
  const std::uint8_t* end_;
  decltype(Transforms::inverse_dct) inverse_dct_;
  std::array<BlockPlace, 6> blocks_{};
  std::size_t num_blocks_ = 0;
  std::array<int, 3> levels_{};
  Block coefficients_;  // 0 between blocks
  std::uint64_t flat_ = 0, flat_mask_ = 0;
  int flat_length_ = 0;
};

}  // namespace videotx
