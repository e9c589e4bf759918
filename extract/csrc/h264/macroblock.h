// The macroblock being read, what it sees of its neighbours, and what the slice around it provides.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <type_traits>
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

// Sets `width` x `height` cells from (column, row). Each width is a store of its own rather than a loop.
template <class T>
void fill_cells(std::array<T, kCacheSize>& cache, int column, int row, int width, int height, T value) {
  const auto fill_rows = [&]<std::size_t kWidth>(std::integral_constant<std::size_t, kWidth>) {
    for (int y = 0; y < height; ++y) std::fill_n(cache.begin() + cell(column, row + y), kWidth, value);
  };
  if (width == 4) {
    fill_rows(std::integral_constant<std::size_t, 4>{});
  } else if (width == 2) {
    fill_rows(std::integral_constant<std::size_t, 2>{});
  } else {
    fill_rows(std::integral_constant<std::size_t, 1>{});
  }
}

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
  std::array<std::array<std::uint8_t, 2>, 2> ref_above_one{};                            // the same, with MBAFF alone
  std::array<std::array<std::array<std::uint8_t, 4>, 2>, 3> num_coefficients{};          // [plane][edge][4x4 block]
  std::array<std::array<std::array<std::array<std::uint8_t, 2>, 4>, 2>, 2> mvd{};        // [list][edge][4x4 block][xy]
};

// Partitions of an inter macroblock.
enum class Shape : std::uint8_t { k16x16 = 0, k16x8 = 1, k8x16 = 2, k8x8 = 3 };

// Neighbours with MBAFF, which depend on who is a field macroblock (clause 6.4.12.2). Places are those of Picture's grids.
struct PairNeighbours {
  std::array<std::size_t, 2> left{};           // beside 4x4 rows 0 and 1, and beside rows 2 and 3
  std::array<std::uint8_t, 4> left_row{};      // the 4x4 row there, by own 4x4 row
  std::array<std::size_t, 4> diagonal{};       // D of a partition in column 0, by its row
  std::array<std::uint8_t, 4> diagonal_row{};
  std::size_t top = 0;
  std::size_t top_right = 0;
  Neighbour left_view;  // what is to the left and above, as if it were one macroblock of the current one's kind
  Neighbour top_view;
};

struct Macroblock {
  int column = 0;
  int row = 0;              // of its place in the frame
  std::size_t address = 0;  // the number of that place
  std::size_t entry = 0;    // where it leaves a Neighbour in Slice::above
  bool field = false;       // of a field picture, or a field macroblock with MBAFF
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
  std::array<std::array<std::uint8_t, 9>, 2> ref_above_one;               // with MBAFF alone
  std::array<bool, 4> sub_direct{};
  // The column of the caches in which a partition in column 0 finds its neighbour D.
  int diagonal_column = -1;
  PairNeighbours pair;

  // Of a field macroblock with MBAFF: the second one of its pair belongs to the bottom field.
  [[nodiscard]] Structure field_structure() const { return field_of(static_cast<std::size_t>(row % 2)); }
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
  std::vector<Neighbour> above;  // the macroblock last read in each column; with MBAFF the last two pairs
  Structure structure = Structure::kFrame;
  bool mbaff = false;
  int row_step = 1;  // between macroblocks of a picture, in rows of places: 2 in fields
  int columns = 0;
  int rows = 0;  // of the picture, which may be a field
  int qp = 0;
  bool store_inter_residual = false;
  bool store_intra_residual = false;
};

// The reference of `list` that index `index` means for `mb`: with MBAFF, field macroblocks count fields (clause 8.4.2.1).
Reference reference_of(const Slice& slice, const Macroblock& mb, std::size_t list, std::size_t index);
// Position of the macroblock and its neighbours (clause 6.4.9), without MBAFF.
void locate(Slice& slice, Macroblock& mb, std::size_t address);
// Clears what the syntax may leave out.
void begin(Macroblock& mb);
// Number-of-coefficient caches from the neighbours; `unavailable` stands for what is outside.
void load_coefficient_counts(const Slice& slice, Macroblock& mb, std::uint8_t unavailable);
// Leaves `mb` behind as a neighbour.
void leave_neighbour(Slice& slice, const Macroblock& mb, bool cabac);

}  // namespace videotx::h264
