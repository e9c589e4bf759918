#include "h264/macroblock.h"

namespace videotx::h264 {
namespace {

const Neighbour kNotAvailable;

bool is_skip(MacroblockClass kind) { return kind == MacroblockClass::kSkipP || kind == MacroblockClass::kSkipB; }

}  // namespace

void locate(Slice& slice, Macroblock& mb, std::size_t address) {
  const auto columns = static_cast<std::size_t>(slice.columns);
  mb.column = static_cast<int>(address % columns);
  const bool has_left = mb.column > 0;
  const bool has_right = mb.column + 1 < slice.columns;
  const bool has_top = address >= columns;
  mb.row = static_cast<int>(address / columns) * slice.row_step + (slice.structure == Structure::kBottom ? 1 : 0);
  mb.address = static_cast<std::size_t>(mb.row) * columns + static_cast<std::size_t>(mb.column);
  mb.entry = static_cast<std::size_t>(mb.column);
  const std::uint16_t* owner = slice.picture->slice_of_macroblock.data() + mb.address;
  const std::size_t up = columns * static_cast<std::size_t>(slice.row_step);
  mb.left_available = has_left && *(owner - 1) == slice.index;
  mb.top_available = has_top && *(owner - up) == slice.index;
  mb.top_left_available = has_top && has_left && *(owner - up - 1) == slice.index;
  mb.top_right_available = has_top && has_right && *(owner - up + 1) == slice.index;
  const auto column = static_cast<std::size_t>(mb.column);
  mb.left = mb.left_available ? &slice.above[column - 1] : &kNotAvailable;
  mb.top = mb.top_available ? &slice.above[column] : &kNotAvailable;
  begin(mb);
}

void begin(Macroblock& mb) {
  mb.direct = false;
  mb.transform_8x8 = false;
  mb.cbp_luma = 0;
  mb.cbp_chroma = 0;
  mb.chroma_mode = 0;
  mb.dc_coded = 0;
}

Reference reference_of(const Slice& slice, const Macroblock& mb, std::size_t list, std::size_t index) {
  const ReferenceList& references = slice.lists[list];
  const bool by_field = slice.mbaff && mb.field;
  const std::size_t entry = by_field ? index / 2 : index;
  if (entry >= references.size()) return {};
  Reference reference = references[entry];
  if (by_field) reference.structure = index % 2 == 0 ? mb.field_structure() : opposite(mb.field_structure());
  return reference;
}

void load_coefficient_counts(const Slice& slice, Macroblock& mb, std::uint8_t unavailable) {
  const std::size_t planes = slice.sps->chroma_array_type() == 0 ? 1 : 3;
  for (std::size_t plane = 0; plane < planes; ++plane) {
    auto& counts = mb.num_coefficients[plane];
    counts.fill(0);
    for (int i = 0; i < 4; ++i) {
      const auto k = static_cast<std::size_t>(i);
      counts[cell(i, -1)] = mb.top_available ? mb.top->num_coefficients[plane][kBottom][k] : unavailable;
      counts[cell(-1, i)] = mb.left_available ? mb.left->num_coefficients[plane][kRight][k] : unavailable;
    }
  }
}

void leave_neighbour(Slice& slice, const Macroblock& mb, bool cabac) {
  Neighbour& n = slice.above[mb.entry];
  n = Neighbour{};
  n.skip = is_skip(mb.kind);
  n.intra_nxn = mb.kind == MacroblockClass::kIntra4x4 || mb.kind == MacroblockClass::kIntra8x8;
  n.direct = mb.direct;
  n.pcm = mb.kind == MacroblockClass::kIntraPcm;
  n.transform_8x8 = mb.transform_8x8;
  n.chroma_mode = mb.chroma_mode != 0;
  n.cbp_luma = mb.cbp_luma;
  n.cbp_chroma = mb.cbp_chroma;
  n.dc_coded = mb.dc_coded;
  if (n.skip) return;
  if (mb.cbp_luma != 0 || mb.cbp_chroma != 0 || mb.dc_coded != 0) {
    const int array_type = slice.sps->chroma_array_type();
    for (std::size_t plane = 0; plane < (array_type == 0 ? 1U : 3U); ++plane) {
      const auto& counts = mb.num_coefficients[plane];
      // Chroma planes of 4:2:0 and 4:2:2 are two blocks wide and two or four high.
      const int last_column = plane == 0 || array_type == 3 ? 3 : 1;
      const int last_row = plane == 0 || array_type != 1 ? 3 : 1;
      for (int i = 0; i < 4; ++i) {
        const auto k = static_cast<std::size_t>(i);
        n.num_coefficients[plane][kBottom][k] = counts[cell(i, last_row)];
        n.num_coefficients[plane][kRight][k] = counts[cell(last_column, i)];
      }
    }
  }
  if (!cabac || mb.intra || mb.direct) return;
  for (std::size_t list = 0; list < 2; ++list) {
    for (int i = 0; i < 4; ++i) {
      const auto k = static_cast<std::size_t>(i);
      n.mvd[list][kBottom][k] = mb.mvd[list][cell(i, 3)];
      n.mvd[list][kRight][k] = mb.mvd[list][cell(3, i)];
    }
    const auto& positive = mb.ref_positive[list];
    n.ref_positive[list][kBottom] = static_cast<std::uint8_t>(positive[7] | positive[8] << 1);
    n.ref_positive[list][kRight] = static_cast<std::uint8_t>(positive[5] | positive[8] << 1);
    if (!slice.mbaff) continue;
    const auto& above_one = mb.ref_above_one[list];
    n.ref_above_one[list][kBottom] = static_cast<std::uint8_t>(above_one[7] | above_one[8] << 1);
    n.ref_above_one[list][kRight] = static_cast<std::uint8_t>(above_one[5] | above_one[8] << 1);
  }
}

}  // namespace videotx::h264
