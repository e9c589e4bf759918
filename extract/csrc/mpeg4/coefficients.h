// Coefficients of a block: run-level events (ISO/IEC 14496-2, 7.4.1) and inverse quantisation (7.4.4).
#pragma once

#include <array>
#include <cstdint>

#include "mpeg4/bit_reader.h"
#include "mpeg4/tables.h"
#include "mpeg4/vlc.h"

namespace videotx::mpeg4 {

// Dequantised coefficients, column by column: as the inverse DCT takes them, which begins with all rows at once.
struct alignas(32) Block {
  std::array<std::int16_t, 64> coefficients{};
};

// How a stream codes and scales the coefficients of inter blocks.
struct InterCoding {
  const CoefficientTable* table = &kCoefficientsInter;
  bool reversible = false;
  const Scan* scan = &kZigzagScan;
  const std::array<std::uint8_t, 64>* matrix = nullptr;  // of the MPEG method; null for the H.263 method
};

// Adds the coefficients of one inter block to `block`, which is empty. False: damaged.
bool read_inter_block(BitReader& bits, const InterCoding& coding, int quantiser, Block& block);
// Reads over the coefficients of a block from place `first`.
bool skip_block(BitReader& bits, const CoefficientTable& table, bool reversible, int first);

}  // namespace videotx::mpeg4
