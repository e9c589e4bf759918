#include "h264/motion_prediction.h"

#include <algorithm>
#include <cstring>

namespace videotx::h264 {
namespace {

std::int16_t median(std::int16_t a, std::int16_t b, std::int16_t c) {
  return std::max(std::min(a, b), std::min(std::max(a, b), c));
}

// Decoding order of the 4x4 blocks of a macroblock, [row][column].
constexpr int kOrder[4][4] = {{0, 1, 4, 5}, {2, 3, 6, 7}, {8, 9, 12, 13}, {10, 11, 14, 15}};

std::size_t stride4(const Slice& slice) { return static_cast<std::size_t>(slice.columns) * 4; }
std::size_t first4(const Slice& slice, const Macroblock& mb) {
  return static_cast<std::size_t>(mb.row) * 4 * stride4(slice) + static_cast<std::size_t>(mb.column) * 4;
}
std::size_t stride8(const Slice& slice) { return static_cast<std::size_t>(slice.columns) * 2; }
std::size_t first8(const Slice& slice, const Macroblock& mb) {
  return static_cast<std::size_t>(mb.row) * 2 * stride8(slice) + static_cast<std::size_t>(mb.column) * 2;
}

}  // namespace

void load_motion_neighbours(const Slice& slice, Macroblock& mb, std::size_t num_lists) {
  const std::size_t s4 = stride4(slice);
  const std::size_t s8 = stride8(slice);
  const std::size_t f4 = first4(slice, mb);
  const std::size_t f8 = first8(slice, mb);
  // Back to the last row of the macroblock above, over that of the other field in a field picture.
  const std::size_t up4 = s4 * (slice.row_step == 1 ? 1 : 5);
  const std::size_t up8 = s8 * (slice.row_step == 1 ? 1 : 3);
  for (std::size_t list = 0; list < num_lists; ++list) {
    auto& ref = mb.ref[list];
    auto& mv = mb.mv[list];
    const MotionVector* vectors = slice.picture->mv[list].data();
    const std::int8_t* refs = slice.picture->ref_index[list].data();
    ref.fill(kUnavailable);
    std::fill_n(mv.begin() + cell(-1, -1), 6, MotionVector{});
    if (mb.top_available) {
      std::copy_n(vectors + f4 - up4, 4, mv.begin() + cell(0, -1));
      ref[cell(0, -1)] = ref[cell(1, -1)] = refs[f8 - up8];
      ref[cell(2, -1)] = ref[cell(3, -1)] = refs[f8 - up8 + 1];
    }
    if (mb.top_right_available) {
      mv[cell(4, -1)] = vectors[f4 - up4 + 4];
      ref[cell(4, -1)] = refs[f8 - up8 + 2];
    }
    if (mb.top_left_available) {
      mv[cell(-1, -1)] = vectors[f4 - up4 - 1];
      ref[cell(-1, -1)] = refs[f8 - up8 - 1];
    }
    for (int row = 0; row < 4; ++row) {
      const auto r = static_cast<std::size_t>(row);
      mv[cell(-1, row)] = mb.left_available ? vectors[f4 + r * s4 - 1] : MotionVector{};
      if (mb.left_available) ref[cell(-1, row)] = refs[f8 + r / 2 * s8 - 1];
    }
  }
}

void load_difference_neighbours(Macroblock& mb, std::size_t num_lists) {
  for (std::size_t list = 0; list < num_lists; ++list) {
    auto& mvd = mb.mvd[list];
    std::memset(mvd.data(), 0, sizeof mvd);
    for (int i = 0; i < 4; ++i) {
      const auto k = static_cast<std::size_t>(i);
      mvd[cell(i, -1)] = mb.top->mvd[list][kBottom][k];
      mvd[cell(-1, i)] = mb.left->mvd[list][kRight][k];
    }
    auto& positive = mb.ref_positive[list];
    positive.fill(0);
    positive[1] = mb.top->ref_positive[list][kBottom] & 1;
    positive[2] = mb.top->ref_positive[list][kBottom] >> 1;
    positive[3] = mb.left->ref_positive[list][kRight] & 1;
    positive[6] = mb.left->ref_positive[list][kRight] >> 1;
  }
}

NeighbourMotion neighbour_c(const Macroblock& mb, std::size_t list, int column, int row, int width) {
  const int right = column + width;
  // Inside the macroblock, C exists only where it comes earlier in decoding order.
  const bool inside = row > 0;
  const bool decoded = inside ? right < 4 && kOrder[row - 1][right] < kOrder[row][column] : true;
  if (decoded) {
    const std::size_t c = cell(right, row - 1);
    if (mb.ref[list][c] != kUnavailable) return {mb.ref[list][c], mb.mv[list][c]};
  }
  const std::size_t d = cell(column == 0 ? mb.diagonal_column : column - 1, row - 1);
  return {mb.ref[list][d], mb.mv[list][d]};
}

MotionVector predict_median(const Macroblock& mb, std::size_t list, int column, int row, int width, int ref) {
  const std::size_t at_a = cell(column - 1, row);
  const std::size_t at_b = cell(column, row - 1);
  const std::int8_t ref_a = mb.ref[list][at_a];
  const std::int8_t ref_b = mb.ref[list][at_b];
  const NeighbourMotion c = neighbour_c(mb, list, column, row, width);
  const MotionVector a = mb.mv[list][at_a];
  const MotionVector b = mb.mv[list][at_b];
  if (ref_b == kUnavailable && c.ref == kUnavailable && ref_a != kUnavailable) return a;
  const int matches = (ref_a == ref ? 1 : 0) + (ref_b == ref ? 1 : 0) + (c.ref == ref ? 1 : 0);
  if (matches == 1) return ref_a == ref ? a : ref_b == ref ? b : c.mv;
  return {median(a.x, b.x, c.mv.x), median(a.y, b.y, c.mv.y)};
}

MotionVector predict_16x8(const Macroblock& mb, std::size_t list, int row, int ref) {
  const std::size_t preferred = row == 0 ? cell(0, -1) : cell(-1, 2);
  if (mb.ref[list][preferred] == ref) return mb.mv[list][preferred];
  return predict_median(mb, list, 0, row, 4, ref);
}

MotionVector predict_8x16(const Macroblock& mb, std::size_t list, int column, int ref) {
  if (column == 0) {
    if (mb.ref[list][cell(-1, 0)] == ref) return mb.mv[list][cell(-1, 0)];
  } else {
    const NeighbourMotion c = neighbour_c(mb, list, 2, 0, 2);
    if (c.ref == ref) return c.mv;
  }
  return predict_median(mb, list, column, 0, 2, ref);
}

MotionVector predict_p_skip(const Macroblock& mb) {
  const std::size_t a = cell(-1, 0);
  const std::size_t b = cell(0, -1);
  if (!mb.left_available || !mb.top_available) return {};
  if (mb.ref[0][a] == 0 && mb.mv[0][a] == MotionVector{}) return {};
  if (mb.ref[0][b] == 0 && mb.mv[0][b] == MotionVector{}) return {};
  return predict_median(mb, 0, 0, 0, 4, 0);
}

void store_motion(const Slice& slice, const Macroblock& mb, std::size_t num_lists) {
  const std::size_t f4 = first4(slice, mb);
  const std::size_t f8 = first8(slice, mb);
  for (std::size_t list = 0; list < num_lists; ++list) {
    MotionVector* vectors = slice.picture->mv[list].data() + f4;
    for (int row = 0; row < 4; ++row) {
      std::memcpy(vectors + static_cast<std::size_t>(row) * stride4(slice), &mb.mv[list][cell(0, row)],
                  4 * sizeof(MotionVector));
    }
    std::int8_t* refs = slice.picture->ref_index[list].data() + f8;
    refs[0] = mb.ref[list][cell(0, 0)];
    refs[1] = mb.ref[list][cell(2, 0)];
    refs[stride8(slice)] = mb.ref[list][cell(0, 2)];
    refs[stride8(slice) + 1] = mb.ref[list][cell(2, 2)];
  }
}

void store_motion_16x16(const Slice& slice, const Macroblock& mb, MotionVector mv) {
  MotionVector* vectors = slice.picture->mv[0].data() + first4(slice, mb);
  for (std::size_t row = 0; row < 4; ++row) std::fill_n(vectors + row * stride4(slice), 4, mv);
  std::int8_t* refs = slice.picture->ref_index[0].data() + first8(slice, mb);
  refs[0] = refs[1] = refs[stride8(slice)] = refs[stride8(slice) + 1] = 0;
}

}  // namespace videotx::h264
