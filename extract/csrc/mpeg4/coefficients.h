// Coefficients of blocks: run-level events (ISO/IEC 14496-2, 7.4.1) and inverse quantisation (7.4.4).
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "mpeg4/tables.h"
#include "mpeg4/vlc.h"

namespace videotx::mpeg4 {

// Dequantised coefficients, column by column: as the inverse DCT takes them, which begins with all rows at once.
struct alignas(32) Block {
  std::array<std::int16_t, 64> coefficients{};
  bool low = false;  // all that are not zero are of the four lowest frequencies in both directions
};

// Places of either scan that are of those frequencies, before the first that is not.
inline constexpr std::size_t kLowPlaces = 10;

// How a stream codes coefficients.
struct Coding {
  const CoefficientTable* table = nullptr;
  bool reversible = false;
};

// How it codes and scales those of inter blocks.
struct InterCoding : Coding {
  const Scan* scan = &kZigzagScan;
  const std::array<std::uint8_t, 64>* matrix = nullptr;  // of the MPEG method; null for the H.263 method
};

// Puts the coefficients of inter blocks one behind the other into `blocks`, which are empty. Returns how many were sound;
// where that are not all, the data is damaged, and the blocks behind are still empty.
int read_inter_blocks(BitReader& bits, const InterCoding& coding, int quantiser, std::span<Block> blocks);
// Reads over as many blocks, each from place `first` on. False: damaged.
bool skip_blocks(BitReader& bits, const Coding& coding, int first, int num_blocks);

}  // namespace videotx::mpeg4
