// What a picture is decoded to before it becomes RGB.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace videotx {

// Samples of the blocks that a region needs. The MCU at (first_row, first_column) of the picture is the first.
struct Planes {
  int first_row = 0;
  int first_column = 0;
  int num_rows = 0;
  int num_columns = 0;
  std::array<std::size_t, 3> stride{};
  std::array<std::vector<std::uint8_t>, 3> samples;  // kRowPiece more than rows and columns say
  std::vector<std::uint8_t> touched;  // (MCU row, MCU column): 1 unless every sample is 128
};

}  // namespace videotx
