// Motion of pictures with field macroblocks, on the grid of the frame.
//
// A 4x4 cell of the frame has two lines of each field, so that two field macroblocks may both have a say in it. Where
// they point into the same frame, the cell holds the mean of their vectors; else that of the top field, on whose line
// its first sample lies, or of the bottom field where only that has one. Vertically a field's vector counts double, and
// a line more or less where it points into a field of the other parity. A vector into the other field of the same frame
// has no distance in frames: where there is no other, the cell is unknown.
#include <algorithm>

#include "h264/picture.h"

namespace videotx::h264 {
namespace {

struct CellMotion {
  PictureId id = kNoPicture;
  Structure structure = Structure::kFrame;
  bool used = false;
  int x = 0;
  int y = 0;
};

std::int16_t bounded(int value) { return static_cast<std::int16_t>(std::clamp(value, -32768, 32767)); }

class FieldExport {
 public:
  FieldExport(Picture& picture, bool as_coded) : picture_(picture), coded_(picture.coded), as_coded_(as_coded) {}

  void run() {
    const std::size_t cells = columns_ * 4 * rows_ * 4;
    coded_.mv.assign(cells * 4, 0);
    coded_.ref.assign(cells * 2, -1);
    if (as_coded_) {
      coded_.coded_mv.assign(cells * 4, 0);
      coded_.coded_ref.assign(cells * 2, -1);
      coded_.coded_structure.assign(cells * 2, 0);
    }
    for (std::size_t list = 0; list < 2; ++list) {
      for (std::size_t y = 0; y < rows_ * 4; ++y) {
        for (std::size_t x = 0; x < columns_ * 4; ++x) {
          if (as_coded_) put_as_coded(list, x, y);
          put(list, x, y);
        }
      }
    }
  }

 private:
  // What the block at a cell of Picture's grids says, in quarter samples of the frame.
  [[nodiscard]] CellMotion motion(std::size_t list, std::size_t x, std::size_t y) const {
    const std::size_t place = y / 4 * columns_ + x / 4;
    CellMotion result;
    if (picture_.slice_of_macroblock[place] == kNoSlice) {
      result.used = list < num_lists_;  // it may have had motion
      return result;
    }
    const std::int8_t index = picture_.ref_index[list][y / 2 * columns_ * 2 + x / 2];
    if (index < 0) return result;
    const ReferenceId reference = picture_.reference_of(place, list, index);
    const MotionVector mv = picture_.mv[list][y * columns_ * 4 + x];
    result = {reference.id, reference.structure, true, mv.x, mv.y};
    if (picture_.is_field(place)) {
      result.y *= 2;
      const bool bottom = y / 4 % 2 == 1;
      const bool to_bottom = reference.structure == Structure::kBottom;
      if (bottom != to_bottom) result.y += to_bottom ? 4 : -4;
      coded_.field_motion = true;
    }
    return result;
  }

  [[nodiscard]] bool known(const CellMotion& m) const { return m.used && m.id != kNoPicture && m.id != coded_.id; }

  [[nodiscard]] CellMotion merged(const CellMotion& top, const CellMotion& bottom) const {
    if (known(top) && known(bottom) && top.id == bottom.id) {
      return {top.id, top.structure, true, (top.x + bottom.x) / 2, (top.y + bottom.y) / 2};
    }
    if (known(top)) return top;
    if (known(bottom)) return bottom;
    return top.used ? top : bottom;
  }

  void put(std::size_t list, std::size_t x, std::size_t y) {
    CellMotion m;
    if (picture_.is_field(y / 4 * columns_ + x / 4)) {
      // Rows 0 to 7 of a pair are rows 0 to 3 of its field macroblocks.
      const std::size_t row = y / 8 * 8 + y % 8 / 2;
      m = merged(motion(list, x, row), motion(list, x, row + 4));
    } else {
      m = motion(list, x, y);
    }
    if (!m.used) return;
    const std::size_t at = (list * rows_ * 4 + y) * columns_ * 4 + x;
    coded_.ref[at] = position_of(coded_.references, known(m) ? m.id : kNoPicture);
    if (!known(m)) return;
    coded_.mv[2 * at] = bounded(m.x);
    coded_.mv[2 * at + 1] = bounded(m.y);
  }

  void put_as_coded(std::size_t list, std::size_t x, std::size_t y) {
    const CellMotion m = motion(list, x, y);
    if (!m.used || m.id == kNoPicture) return;
    const std::size_t at = (list * rows_ * 4 + y) * columns_ * 4 + x;
    const MotionVector mv = picture_.mv[list][y * columns_ * 4 + x];
    coded_.coded_mv[2 * at] = mv.x;
    coded_.coded_mv[2 * at + 1] = mv.y;
    coded_.coded_ref[at] = position_of(coded_.references, m.id);
    coded_.coded_structure[at] = static_cast<std::uint8_t>(m.structure);
  }

  Picture& picture_;
  CodedPicture& coded_;
  bool as_coded_;
  std::size_t num_lists_ = picture_.num_lists();
  std::size_t columns_ = static_cast<std::size_t>(coded_.macroblock_columns);
  std::size_t rows_ = static_cast<std::size_t>(coded_.macroblock_rows);
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
