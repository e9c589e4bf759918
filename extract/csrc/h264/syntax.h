// Values that both entropy codings agree on.
#pragma once

#include <array>
#include <cstdint>

#include "h264/macroblock.h"

namespace videotx::h264 {

// Levels of one residual block by scan position, in any order.
struct Levels {
  std::size_t count = 0;
  std::array<std::uint8_t, 64> position;
  std::array<std::int32_t, 64> level;
};

// ctxBlockCat of the luma-like blocks of plane 0; Cb and Cr of 4:4:4 follow at +6 and +10 (Table 9-42).
enum BlockCategory : unsigned { kLumaDc = 0, kLumaAc = 1, kLuma4x4 = 2, kChromaDc = 3, kChromaAc = 4, kLuma8x8 = 5 };
constexpr unsigned category_of_plane(BlockCategory category, std::size_t plane) {
  if (plane == 0) return category;
  const unsigned base = plane == 1 ? 6 : 10;
  return base + (category == kLuma8x8 ? 3U : static_cast<unsigned>(category));
}

// Where a residual block lies: its plane and its 4x4 block there (the first one of an 8x8 block).
struct BlockPlace {
  std::size_t plane = 0;
  int column = 0;
  int row = 0;
};

// mb_type of intra macroblocks as in Table 7-11; of P as in Table 7-13 (0..3, 4 is P_8x8ref0); of B as in Table 7-14.
struct MacroblockType {
  bool intra = false;
  unsigned value = 0;
};
inline constexpr unsigned kTypeIntraNxN = 0;
inline constexpr unsigned kTypeIntraPcm = 25;

}  // namespace videotx::h264
