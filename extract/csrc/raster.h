// libavcodec's side data (motion vectors, quantisers) to regular grids.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace videotx {

inline constexpr std::int8_t kRefNone = 0;
inline constexpr std::int8_t kRefUnknown = -128;

// A grid of `rows` x `columns` cells of `block` luma samples over the native picture, whose top left sample lies at
// (crop_left, crop_top) of the coded one. A cell takes the value of the block that covers its top left sample.
struct Grid {
  int rows = 0;
  int columns = 0;
  int block = 8;
  int crop_left = 0;
  int crop_top = 0;
};

// What the vectors of a list are taken to point into. `kRefUnknown` for a list whose vectors mean nothing.
struct ListReferences {
  std::int8_t list0 = kRefUnknown;
  std::int8_t list1 = kRefUnknown;
  bool field_blocks_unknown = false;  // MPEG-4: a 16x8 block is field predicted, and its vector an average of two
  bool both_unknown = false;          // any exported block makes both lists unknown (B-VOPs)
};

struct RasterResult {
  std::size_t num_vectors = 0;
  std::size_t num_ambiguous = 0;  // cells in which libavcodec may have exported a list that the block does not use
};

// Paints AVMotionVector records into mv [2][rows][columns][2] and ref [2][rows][columns], both zeroed by the caller.
// Throws std::invalid_argument when the buffers do not fit.
RasterResult rasterise_vectors(std::span<const std::uint8_t> side_data, const Grid& grid, const ListReferences& references,
                               std::span<std::int16_t> mv, std::span<std::int8_t> ref);

// Paints AVVideoEncParams into qp [rows][columns], each value divided by `divisor`. Returns false, leaving qp
// unspecified, when the side data is not of a known layout.
bool rasterise_quantisers(std::span<const std::uint8_t> side_data, const Grid& grid, int divisor,
                          std::span<std::int8_t> qp);

}  // namespace videotx
