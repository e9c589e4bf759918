// What both entropy-level readers (H.264, MPEG-4 Part 2) hand over: one record per picture, in display order.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "residual_planes.h"

namespace videotx {

// How a macroblock was coded. The numbers are stored by tests and must not change.
enum class MacroblockClass : std::uint8_t {
  kMissing = 0,  // never decoded: lost or damaged
  kIntra4x4 = 1,
  kIntra8x8 = 2,
  kIntra16x16 = 3,
  kIntraPcm = 4,
  kInterP = 5,
  kSkipP = 6,  // H.264 P_Skip; MPEG-4 not_coded
  kInterB = 7,
  kSkipB = 8,  // H.264 B_Skip; MPEG-4 co-located skip and modb == '1'
  kDirectB = 9,  // direct at macroblock level with coded data
  kIntraMpeg4 = 10,
  kGmc = 11,
  kGmcNotCoded = 12,
};

using PictureId = std::int32_t;  // counts coded pictures in decoding order, from 0
inline constexpr PictureId kNoPicture = -1;

// Reference codes of finished pictures, as Python stores them.
inline constexpr std::int8_t kRefNone = 0;
inline constexpr std::int8_t kRefUnknown = -128;

// Grids cover the coded, macroblock-aligned picture, row by row. Vectors are in quarter luma samples, block to source.
struct CodedPicture {
  PictureId id = kNoPicture;
  std::int64_t packet = 0;  // the packet it came in, as the caller numbered it
  char type = '?';          // I, P, B, S: of the first slice
  bool key = false;         // IDR, or an intra picture the stream can be entered at
  bool damaged = false;     // an error ended a slice, or macroblocks are missing
  bool motion_unknown = false;
  bool field_motion = false;  // some macroblocks are predicted field by field, and hold the mean of two vectors
  std::int32_t num_bits = 0;
  int macroblock_columns = 0;
  int macroblock_rows = 0;
  int chroma_block_width = 8;  // samples of one chroma plane per macroblock; 0 without chroma
  int chroma_block_height = 8;

  // [list][row][column] of cells. While a picture is being read, `ref` indexes `references` and -1 means "no vector";
  // DisplayResolver turns it into the signed display distance, with the codes above.
  int cell = 4;                  // luma samples across one: 4, or 8 where no block with a vector is smaller
  std::vector<std::int16_t> mv;  // x, y interleaved
  std::vector<std::int8_t> ref;
  std::vector<PictureId> references;

  // Sample prediction weights, empty unless asked for: [8x8 row][8x8 column][list][Y, Cb, Cr][weight, offset, log2
  // denominator], for the formulas of H.264 clause 8.4.2.3.2; default prediction has weight 1, offset 0, denominator 0.
  std::vector<std::int16_t> weights;

  // H.264 pictures with fields, empty for others. Here, in `weights` and in the grids of macroblocks below, the two field
  // macroblocks that share the lines of two macroblocks stand one above the other, that of the top field first. A vector
  // as coded is in quarter samples of what it points into: 0 nothing, 1 the top field, 2 the bottom field, 3 the frame of
  // a display distance that may be 0. They are filled only along with the weights.
  std::vector<std::uint8_t> field_macroblock;  // [row][column] of macroblocks
  std::vector<std::int16_t> coded_mv;          // as mv
  std::vector<std::int8_t> coded_ref;
  std::vector<std::uint8_t> coded_structure;

  // [row][column] of macroblocks.
  std::vector<std::uint8_t> macroblock_class;
  std::vector<std::int8_t> qp;
  std::vector<std::int32_t> macroblock_bits;

  // In samples, null when not asked for; intra macroblocks are zero. Not written once the picture is finished.
  std::shared_ptr<ResidualPlanes> residual;
};

}  // namespace videotx
