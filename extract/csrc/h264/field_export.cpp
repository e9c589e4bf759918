// Motion of pictures with field macroblocks, on the grid of the frame.
//
// A 4x4 cell of the frame has two lines of each field, so that two field macroblocks may both have a say in it. Where
// they point into the same frame, the cell holds the mean of their vectors; else that of the top field, on whose line
// its first sample lies, or of the bottom field where only that has one. Vertically a field's vector counts double, and
// a line more or less where it points into a field of the other parity. A vector into the other field of the same frame
// has no distance in frames: where there is no other, the cell is unknown.
#include <algorithm>
#include <array>

#include "h264/picture.h"

namespace videotx::h264 {
namespace {

std::int16_t bounded(int value) { return static_cast<std::int16_t>(std::clamp(value, -32768, 32767)); }

class FieldExport {
 public:
  FieldExport(Picture& picture, bool as_coded) : picture_(picture), coded_(picture.coded), as_coded_(as_coded) {}

  void run() {
    const std::size_t cells = columns_ * rows_ * 16;
    coded_.mv.assign(cells * 4, 0);
    coded_.ref.assign(cells * 2, -1);
    if (as_coded_) {
      coded_.coded_mv.assign(cells * 4, 0);
      coded_.coded_ref.assign(cells * 2, -1);
      coded_.coded_structure.assign(cells * 2, 0);
    }
    for (std::size_t list = 0; list < 2; ++list) {
      for (std::size_t y = 0; y < rows_ * 2; ++y) {
        for (std::size_t x = 0; x < columns_ * 2; ++x) {
          if (as_coded_) put_as_coded(list, x, y);
          const std::size_t place = y / 2 * columns_ + x / 2;
          if (!picture_.is_field(place)) {
            put_frame_block(list, x, y);
          } else if (y / 2 % 2 == 0) {
            put_field_blocks(list, x, y);
          }
        }
      }
    }
  }

 private:
  // What the 8x8 block of a list at (x, y) of Picture's grids refers to.
  struct Block {
    bool used = false;
    PictureId id = kNoPicture;
    Structure structure = Structure::kFrame;
    std::size_t first = 0;  // its first vector
    int shift = 0;          // of its vectors in quarter samples of the frame, once they are doubled
  };

  [[nodiscard]] Block block(std::size_t list, std::size_t x, std::size_t y) {
    Block result;
    const std::size_t place = y / 2 * columns_ + x / 2;
    if (picture_.slice_of_macroblock[place] == kNoSlice) {
      result.used = list < num_lists_;  // it may have had motion
      return result;
    }
    const std::int8_t index = picture_.ref_index[list][y * columns_ * 2 + x];
    if (index < 0) return result;
    const ReferenceId reference = picture_.reference_of(place, list, index);
    result = {true, reference.id, reference.structure, y * 2 * stride_ + x * 2, 0};
    if (picture_.is_field(place)) {
      const bool to_bottom = reference.structure == Structure::kBottom;
      if (to_bottom != (y / 2 % 2 == 1)) result.shift = to_bottom ? 4 : -4;
      coded_.field_motion = true;
    }
    return result;
  }

  [[nodiscard]] bool known(const Block& b) const { return b.used && b.id != kNoPicture && b.id != coded_.id; }

  std::int8_t position(PictureId id) { return position_of(coded_.references, id); }

  void put_frame_block(std::size_t list, std::size_t x, std::size_t y) {
    const Block b = block(list, x, y);
    if (!b.used) return;
    const std::int8_t ref = position(known(b) ? b.id : kNoPicture);
    for (std::size_t i = 0; i < 4; ++i) {
      const std::size_t offset = i / 2 * stride_ + i % 2;
      const MotionVector mv = known(b) ? picture_.mv[list][b.first + offset] : MotionVector{};
      put(list, (y * 2) * stride_ + x * 2 + offset, ref, mv.x, mv.y);
    }
  }

  // The block of the top field at (x, y), and that of the bottom field on the same lines.
  void put_field_blocks(std::size_t list, std::size_t x, std::size_t y) {
    const Block top = block(list, x, y);
    const Block bottom = block(list, x, y + 2);
    if (!top.used && !bottom.used) return;
    const bool mean = known(top) && known(bottom) && top.id == bottom.id;
    const Block& chosen = known(top) ? top : bottom;
    const bool unknown = !known(chosen);
    const std::int8_t ref = position(unknown ? kNoPicture : chosen.id);
    for (std::size_t i = 0; i < 4; ++i) {
      const std::size_t row = i / 2;
      const auto vector = [&](const Block& b) {
        const MotionVector mv = picture_.mv[list][b.first + row * stride_ + i % 2];
        return std::array<int, 2>{mv.x, 2 * mv.y + b.shift};
      };
      std::array<int, 2> mv{};
      if (!unknown) mv = vector(chosen);
      if (mean) {
        const std::array<int, 2> other = vector(bottom);
        mv = {(mv[0] + other[0]) / 2, (mv[1] + other[1]) / 2};
      }
      // Row r of a field macroblock's cells covers rows 2r and 2r + 1 of the pair's.
      const std::size_t at = (y / 4 * 8 + (y % 2 * 2 + row) * 2) * stride_ + x * 2 + i % 2;
      put(list, at, ref, mv[0], mv[1]);
      put(list, at + stride_, ref, mv[0], mv[1]);
    }
  }

  void put(std::size_t list, std::size_t cell, std::int8_t ref, int x, int y) {
    const std::size_t at = list * rows_ * 4 * stride_ + cell;
    coded_.ref[at] = ref;
    coded_.mv[2 * at] = bounded(x);
    coded_.mv[2 * at + 1] = bounded(y);
  }

  void put_as_coded(std::size_t list, std::size_t x, std::size_t y) {
    const Block b = block(list, x, y);
    if (!b.used || b.id == kNoPicture) return;
    for (std::size_t i = 0; i < 4; ++i) {
      const std::size_t cell = b.first + i / 2 * stride_ + i % 2;
      const std::size_t at = list * rows_ * 4 * stride_ + cell;
      const MotionVector mv = picture_.mv[list][cell];
      coded_.coded_mv[2 * at] = mv.x;
      coded_.coded_mv[2 * at + 1] = mv.y;
      coded_.coded_ref[at] = position(b.id);
      coded_.coded_structure[at] = static_cast<std::uint8_t>(b.structure);
    }
  }

  Picture& picture_;
  CodedPicture& coded_;
  bool as_coded_;
  std::size_t num_lists_ = picture_.num_lists();
  std::size_t columns_ = static_cast<std::size_t>(coded_.macroblock_columns);
  std::size_t rows_ = static_cast<std::size_t>(coded_.macroblock_rows);
  std::size_t stride_ = columns_ * 4;
};

}  // namespace

ReferenceId Picture::reference_of(std::size_t place, std::size_t list, std::int8_t index) const {
  const SliceRecord& slice = slices[slice_of_macroblock[place]];
  const auto i = static_cast<std::size_t>(index);
  if (slice.structure != Structure::kFrame || !is_field(place)) {
    return {slice.references[list][i], slice.reference_structures[list][i]};
  }
  // A field macroblock with MBAFF counts fields, its own parity first.
  const std::size_t parity = place / static_cast<std::size_t>(coded.macroblock_columns) % 2;
  return {slice.references[list][i / 2], field_of(i % 2 == 0 ? parity : 1 - parity)};
}

void Picture::export_field_motion(bool as_coded) { FieldExport(*this, as_coded).run(); }

}  // namespace videotx::h264
