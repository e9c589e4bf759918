// The macroblock being read, what it sees of its neighbours, and what the slice around it provides.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "h264/level_scale.h"
#include "h264/picture.h"
#include "h264/slice_header.h"

namespace videotx::h264 {

// Caches of 4x4 blocks: five rows of eight, row -1 and column -1 being neighbours. Column 4 of row -1 (the neighbour C of
// the whole macroblock) falls onto the unused column -4 of row 0.
inline constexpr std::size_t kCacheSize = 40;
constexpr std::size_t cell(int column, int row) { return static_cast<std::size_t>(4 + column + 8 * (row + 1)); }

inline constexpr std::int8_t kUnused = -1;        // the list is not used, or the block is intra
inline constexpr std::int8_t kUnavailable = -2;   // outside the slice or not yet decoded
inline constexpr std::uint8_t kNoCount = 64;      // number of coefficients of a block that is not available

enum Edge : std::size_t { kBottom = 0, kRight = 1 };

// What the macroblocks to the right of and below a macroblock need of it. The initial values are those of one that is
// not available: they make every ctxIdxInc term zero.
struct Neighbour {
  bool skip = true;
  bool intra_nxn = true;
  bool direct = true;  // B_Skip or B_Direct_16x16
  bool pcm = false;
  bool transform_8x8 = false;
  bool chroma_mode = false;  // intra_chroma_pred_mode != 0
  std::uint8_t cbp_luma = 15;
  std::uint8_t cbp_chroma = 0;
  std::uint8_t dc_coded = 0;  // coded_block_flag of the DC blocks: bits 0 Y, 1 Cb, 2 Cr
  std::array<std::array<std::uint8_t, 2>, 2> ref_positive{};                             // [list][edge], bit per 8x8 block
  std::array<std::array<std::array<std::uint8_t, 4>, 2>, 3> num_coefficients{};          // [plane][edge][4x4 block]
  std::array<std::array<std::array<std::array<std::uint8_t, 2>, 4>, 2>, 2> mvd{};        // [list][edge][4x4 block][xy]
};

// Partitions of an inter macroblock.
enum class Shape : std::uint8_t { k16x16 = 0, k16x8 = 1, k8x16 = 2, k8x8 = 3 };

struct Macroblock {
  int column = 0;
  int row = 0;
  std::size_t address = 0;
  const Neighbour* left = nullptr;
  const Neighbour* top = nullptr;
  bool left_available = false;
  bool top_available = false;
  bool top_left_available = false;
  bool top_right_available = false;

  MacroblockClass kind = MacroblockClass::kMissing;
  bool intra = false;
  bool direct = false;  // B_Skip or B_Direct_16x16
  bool transform_8x8 = false;
  bool bypass = false;  // lossless
  std::uint8_t cbp_luma = 0;
  std::uint8_t cbp_chroma = 0;
  std::uint8_t chroma_mode = 0;
  std::uint8_t dc_coded = 0;

  std::array<std::array<std::uint8_t, kCacheSize>, 3> num_coefficients;  // by plane
  std::array<std::array<std::int8_t, kCacheSize>, 2> ref;
  std::array<std::array<MotionVector, kCacheSize>, 2> mv;
  std::array<std::array<std::array<std::uint8_t, 2>, kCacheSize>, 2> mvd;  // magnitudes, capped
  std::array<std::array<std::uint8_t, 9>, 2> ref_positive;                // 8x8 blocks with a row and column before
  std::array<bool, 4> sub_direct{};

  [[nodiscard]] bool is_intra16x16() const { return kind == MacroblockClass::kIntra16x16; }
};

// Everything a macroblock needs of its slice.
struct Slice {
  const SliceHeader* header = nullptr;
  const SequenceParameterSet* sps = nullptr;
  const PictureParameterSet* pps = nullptr;
  Picture* picture = nullptr;
  std::uint16_t index = 0;  // in picture->slices
  std::array<ReferenceList, 2> lists;
  const LevelScale* scale = nullptr;
  std::vector<Neighbour> above;  // the macroblock last read in each column
  int columns = 0;
  int rows = 0;
  int qp = 0;
  bool store_inter_residual = false;
  bool store_intra_residual = false;
};

// Position of the macroblock and its neighbours (clause 6.4.9).
void locate(Slice& slice, Macroblock& mb, std::size_t address);
// Number-of-coefficient caches from the neighbours; `unavailable` stands for what is outside.
void load_coefficient_counts(const Slice& slice, Macroblock& mb, std::uint8_t unavailable);
// Leaves `mb` behind as a neighbour.
void leave_neighbour(Slice& slice, const Macroblock& mb, bool cabac);

}  // namespace videotx::h264
