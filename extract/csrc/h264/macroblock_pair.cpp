#include "h264/macroblock_pair.h"

#include <algorithm>

namespace videotx::h264 {
namespace {

const Neighbour kNotAvailable;

using RowMap = std::array<std::uint8_t, 4>;

// Entries of Slice::above are kept for two rows of pairs.
std::size_t entry_of(const Slice& slice, std::size_t place) {
  return place % (static_cast<std::size_t>(slice.columns) * 4);
}

NeighbourPair neighbour_pair(const Slice& slice, bool inside, std::size_t place) {
  if (!inside || slice.picture->slice_of_macroblock[place] != slice.index) return {};
  return {true, slice.picture->is_field(place), place};
}

// Clause 6.4.12.2 for the column to the left, in 4x4 rows: rows of the pair, or of one field.
void find_left(const Slice& slice, Macroblock& mb, const MacroblockPair& pair, bool bottom) {
  const auto below = static_cast<std::size_t>(slice.columns);
  const std::size_t first = pair.left.place;
  const std::size_t own = first + (bottom ? below : 0);
  PairNeighbours& n = mb.pair;
  n.left = {own, own};
  n.left_row = {0, 1, 2, 3};
  n.diagonal = {own, own, own, own};
  n.diagonal_row = {3, 0, 1, 2};
  if (pair.left.available && pair.left.field != mb.field) {
    if (mb.field) {
      // Lines of a field lie twice as far apart in the frame macroblocks.
      n.left = {first, first + below};
      n.left_row = {0, 2, 0, 2};
      n.diagonal = {first, first, first, first + below};
      n.diagonal_row = {3, 1, 3, 1};
    } else {
      // Even lines of the frame are in the top field, and those just above them in the bottom field.
      n.left = {first, first};
      n.left_row = bottom ? RowMap{2, 2, 3, 3} : RowMap{0, 0, 1, 1};
      n.diagonal.fill(first + below);
      n.diagonal_row = bottom ? RowMap{1, 2, 2, 3} : RowMap{3, 0, 0, 1};
    }
  }
}

// The place of the macroblock with the line above, in a pair above. A field macroblock of the top field looks past the
// bottom field's.
std::size_t last_line(const NeighbourPair& above, std::size_t below, bool top_field) {
  return above.place + (top_field && above.field ? 0 : below);
}

void find_above(const Slice& slice, Macroblock& mb, const MacroblockPair& pair, bool bottom) {
  const auto below = static_cast<std::size_t>(slice.columns);
  PairNeighbours& n = mb.pair;
  mb.left_available = pair.left.available;
  if (bottom && !mb.field) {
    n.top = pair.place;
    mb.top_available = true;
    mb.top_left_available = pair.left.available;
    mb.top_right_available = false;
    if (!pair.left.field) n.diagonal[0] = pair.left.place;
    return;
  }
  const bool top_field = mb.field && !bottom;
  mb.top_available = pair.top.available;
  mb.top_left_available = pair.top_left.available;
  mb.top_right_available = pair.top_right.available;
  n.top = last_line(pair.top, below, top_field);
  n.top_right = last_line(pair.top_right, below, top_field);
  n.diagonal[0] = last_line(pair.top_left, below, top_field);
  n.diagonal_row[0] = 3;
}

// What contexts of differences see of a neighbour of the other kind (clauses 9.3.3.1.1.6 and 9.3.3.1.1.7).
void convert(std::array<std::uint8_t, 2>& difference, bool to_field) {
  const int y = to_field ? difference[1] / 2 : difference[1] * 2;
  difference[1] = static_cast<std::uint8_t>(std::min(y, 255));
}

void view_top(const Slice& slice, Macroblock& mb) {
  if (!mb.top_available) {
    mb.top = &kNotAvailable;
    return;
  }
  const Neighbour& above = slice.above[entry_of(slice, mb.pair.top)];
  mb.top = &above;
  if (slice.picture->is_field(mb.pair.top) == mb.field) return;
  mb.pair.top_view = above;
  mb.top = &mb.pair.top_view;
  for (std::size_t list = 0; list < 2; ++list) {
    for (auto& difference : mb.pair.top_view.mvd[list][kBottom]) convert(difference, mb.field);
    if (!mb.field) mb.pair.top_view.ref_positive[list][kBottom] = above.ref_above_one[list][kBottom];
  }
}

// The macroblock or the two macroblocks to the left, with their right edge as this one's rows meet it.
void view_left(const Slice& slice, Macroblock& mb, const MacroblockPair& pair) {
  if (!mb.left_available) {
    mb.left = &kNotAvailable;
    return;
  }
  const PairNeighbours& n = mb.pair;
  const std::array<const Neighbour*, 2> beside = {&slice.above[entry_of(slice, n.left[0])],
                                                  &slice.above[entry_of(slice, n.left[1])]};
  mb.left = beside[0];
  if (pair.left.field == mb.field) return;
  Neighbour& view = mb.pair.left_view;
  view = *beside[0];
  mb.left = &view;
  const bool short_chroma = slice.sps->chroma_array_type() == 1;
  view.cbp_luma = 0;
  for (std::size_t half = 0; half < 2; ++half) {
    const Neighbour& source = *beside[half];
    const unsigned from = n.left_row[2 * half] / 2;
    view.cbp_luma |= static_cast<std::uint8_t>((source.cbp_luma >> (2 * from + 1) & 1U) << (2 * half + 1));
    if (short_chroma) {
      for (std::size_t plane = 1; plane < 3; ++plane) {
        view.num_coefficients[plane][kRight][half] = source.num_coefficients[plane][kRight][from];
      }
    }
  }
  for (std::size_t list = 0; list < 2; ++list) {
    unsigned positive = 0;
    for (std::size_t half = 0; half < 2; ++half) {
      const Neighbour& source = *beside[half];
      const auto& refs = mb.field ? source.ref_positive : source.ref_above_one;
      positive |= (static_cast<unsigned>(refs[list][kRight]) >> (n.left_row[2 * half] / 2U) & 1U) << half;
    }
    view.ref_positive[list][kRight] = static_cast<std::uint8_t>(positive);
  }
  for (std::size_t row = 0; row < 4; ++row) {
    const Neighbour& source = *beside[row / 2];
    const std::size_t from = n.left_row[row];
    view.num_coefficients[0][kRight][row] = source.num_coefficients[0][kRight][from];
    for (std::size_t plane = 1; plane < 3 && !short_chroma; ++plane) {
      view.num_coefficients[plane][kRight][row] = source.num_coefficients[plane][kRight][from];
    }
    for (std::size_t list = 0; list < 2; ++list) {
      view.mvd[list][kRight][row] = source.mvd[list][kRight][from];
      convert(view.mvd[list][kRight][row], mb.field);
    }
  }
}

}  // namespace

MacroblockPair locate_pair(const Slice& slice, std::size_t address) {
  const auto columns = static_cast<std::size_t>(slice.columns);
  MacroblockPair pair;
  const std::size_t column = address / 2 % columns;
  const std::size_t row = address / 2 / columns * 2;
  pair.column = static_cast<int>(column);
  pair.row = static_cast<int>(row);
  pair.place = row * columns + column;
  const bool has_top = row > 0;
  const bool has_left = column > 0;
  pair.left = neighbour_pair(slice, has_left, pair.place - 1);
  pair.top = neighbour_pair(slice, has_top, pair.place - 2 * columns);
  pair.top_right = neighbour_pair(slice, has_top && column + 1 < columns, pair.place - 2 * columns + 1);
  pair.top_left = neighbour_pair(slice, has_top && has_left, pair.place - 2 * columns - 1);
  pair.inferred_field = pair.left.available ? pair.left.field : pair.top.field;
  pair.num_field_neighbours = (pair.left.field ? 1U : 0U) + (pair.top.field ? 1U : 0U);
  return pair;
}

void locate_in_pair(Slice& slice, Macroblock& mb, const MacroblockPair& pair, bool bottom, bool field) {
  const auto columns = static_cast<std::size_t>(slice.columns);
  mb.field = field;
  mb.column = pair.column;
  mb.row = pair.row + (bottom ? 1 : 0);
  mb.address = pair.place + (bottom ? columns : 0);
  mb.entry = entry_of(slice, mb.address);
  slice.picture->coded.field_macroblock[pair.place] = slice.picture->coded.field_macroblock[pair.place + columns] =
      field ? 1 : 0;
  find_left(slice, mb, pair, bottom);
  find_above(slice, mb, pair, bottom);
  view_top(slice, mb);
  view_left(slice, mb, pair);
  mb.diagonal_column = -2;
  begin(mb);
}

void load_pair_motion_neighbours(const Slice& slice, Macroblock& mb, std::size_t num_lists) {
  const PairNeighbours& n = mb.pair;
  const auto columns = static_cast<std::size_t>(slice.columns);
  const Picture& picture = *slice.picture;
  for (std::size_t list = 0; list < num_lists; ++list) {
    // Copies a 4x4 block of a neighbour into a cell, as a block of the current macroblock's kind.
    const auto load = [&](int column, int row, std::size_t place, std::size_t from_column, std::size_t from_row) {
      const std::size_t x = place % columns;
      const std::size_t y = place / columns;
      MotionVector mv = picture.mv[list][(y * 4 + from_row) * columns * 4 + x * 4 + from_column];
      int ref = picture.ref_index[list][(y * 2 + from_row / 2) * columns * 2 + x * 2 + from_column / 2];
      const bool field = picture.is_field(place);
      if (field && !mb.field) {
        mv.y = static_cast<std::int16_t>(mv.y * 2);
        ref >>= 1;  // which leaves -1 as it is
      } else if (!field && mb.field) {
        mv.y = static_cast<std::int16_t>(mv.y / 2);
        if (ref > 0) ref <<= 1;
      }
      mb.mv[list][cell(column, row)] = mv;
      mb.ref[list][cell(column, row)] = static_cast<std::int8_t>(ref);
    };
    mb.ref[list].fill(kUnavailable);
    std::fill_n(mb.mv[list].begin() + cell(-2, -1), 7, MotionVector{});
    for (int row = 0; row < 4; ++row) mb.mv[list][cell(-1, row)] = mb.mv[list][cell(-2, row)] = MotionVector{};
    for (std::size_t column = 0; column < 4 && mb.top_available; ++column) {
      load(static_cast<int>(column), -1, n.top, column, 3);
    }
    if (mb.top_right_available) load(4, -1, n.top_right, 0, 3);
    if (mb.top_left_available) {
      load(-1, -1, n.diagonal[0], 3, n.diagonal_row[0]);
      load(-2, -1, n.diagonal[0], 3, n.diagonal_row[0]);
    }
    for (std::size_t row = 0; row < 4 && mb.left_available; ++row) {
      load(-1, static_cast<int>(row), n.left[row / 2], 3, n.left_row[row]);
      // The cell above a row holds D of a partition that begins there.
      if (row > 0) load(-2, static_cast<int>(row) - 1, n.diagonal[row], 3, n.diagonal_row[row]);
    }
  }
}

}  // namespace videotx::h264
