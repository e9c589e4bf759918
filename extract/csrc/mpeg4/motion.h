// Motion vectors of one VOP and their prediction (ISO/IEC 14496-2, 7.6.5 and 7.7.2.1).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "mpeg4/bit_reader.h"

namespace videotx::mpeg4 {

struct Vector {
  std::int16_t x = 0;
  std::int16_t y = 0;
};

// Vectors of a field-predicted macroblock: top field, bottom field; vertical components in field lines.
struct FieldVectors {
  std::array<Vector, 2> vector{};
  std::array<std::uint8_t, 2> reference_is_bottom{};
};

// The frame vector that stands for a field-predicted macroblock: the mean of both, in frame lines (7.7.2.1).
Vector frame_vector(const FieldVectors& fields);

// In the units of the stream (half or quarter samples). Kept of the last VOP that is not a B-VOP, for direct mode.
struct MotionField {
  enum Flag : std::uint8_t { kNotCoded = 1, kFourVectors = 2, kFieldPrediction = 4 };

  int columns = 0;  // macroblocks
  int rows = 0;
  std::vector<Vector> vectors;      // two rows of two per macroblock: [2 * rows][2 * columns]
  std::vector<std::uint8_t> flags;  // per macroblock
  std::vector<FieldVectors> fields;  // per macroblock, empty in progressive streams

  void reset(int new_columns, int new_rows, bool interlaced);
  [[nodiscard]] std::size_t index(int column, int row, int block) const {
    return static_cast<std::size_t>((2 * row + (block >> 1)) * 2 * columns + 2 * column + (block & 1));
  }
  [[nodiscard]] std::array<Vector, 4> macroblock(int column, int row) const;
  void set(int column, int row, Vector vector);
  // Median of the three neighbouring blocks; those before macroblock `first` belong to another video packet.
  [[nodiscard]] Vector predict(int column, int row, int block, int first) const;
};

// A vector coded as its difference to `prediction` (7.6.3). False: damaged.
bool read_vector(BitReader& bits, Vector prediction, int f_code, Vector& vector);

}  // namespace videotx::mpeg4
