#include "h264/picture.h"

#include <cstring>

namespace videotx::h264 {
namespace {

// Position of `id` in `ids`, appended where it is new.
std::int8_t position_of(std::vector<PictureId>& ids, PictureId id) {
  const auto found = std::ranges::find(ids, id);
  const auto position = found - ids.begin();
  if (found == ids.end()) ids.push_back(id);
  return static_cast<std::int8_t>(std::min<std::ptrdiff_t>(position, 127));
}

}  // namespace

bool Picture::clear_missing() {
  if (std::ranges::find(slice_of_macroblock, kNoSlice) == slice_of_macroblock.end()) return false;
  const auto columns = static_cast<std::size_t>(coded.macroblock_columns);
  const auto clear = [columns](auto& plane, std::size_t mb, std::size_t width, std::size_t height, auto value) {
    if (plane.empty()) return;
    const std::size_t stride = columns * width;
    auto* first = plane.data() + mb / columns * height * stride + mb % columns * width;
    for (std::size_t y = 0; y < height; ++y) std::fill_n(first + y * stride, width, value);
  };
  const auto chroma_width = static_cast<std::size_t>(coded.chroma_block_width);
  const auto chroma_height = static_cast<std::size_t>(coded.chroma_block_height);
  for (std::size_t mb = 0; mb < slice_of_macroblock.size(); ++mb) {
    if (slice_of_macroblock[mb] != kNoSlice) continue;
    for (std::size_t list = 0; list < 2; ++list) {
      clear(mv[list], mb, 4, 4, MotionVector{});
      clear(ref_index[list], mb, 2, 2, std::int8_t{-1});
    }
    clear(coded.residual_y, mb, 16, 16, std::int16_t{0});
    clear(coded.residual_cb, mb, chroma_width, chroma_height, std::int16_t{0});
    clear(coded.residual_cr, mb, chroma_width, chroma_height, std::int16_t{0});
    coded.qp[mb] = 0;
  }
  return true;
}

void Picture::export_motion() {
  const auto columns = static_cast<std::size_t>(coded.macroblock_columns);
  const auto rows = static_cast<std::size_t>(coded.macroblock_rows);
  const std::size_t cells = columns * rows * 16;
  static_assert(sizeof(MotionVector) == 4);
  coded.mv.resize(cells * 4);
  coded.ref.assign(cells * 2, -1);
  for (std::size_t list = 0; list < 2; ++list) {
    std::memcpy(coded.mv.data() + list * cells * 2, mv[list].data(), cells * sizeof(MotionVector));
  }
  std::vector<std::array<std::array<std::int8_t, kMaxReferences>, 2>> positions(slices.size());
  for (std::size_t s = 0; s < slices.size(); ++s) {
    for (std::size_t list = 0; list < 2; ++list) {
      for (std::size_t i = 0; i < kMaxReferences; ++i) {
        const PictureId id = slices[s].references[list][i];
        positions[s][list][i] = position_of(coded.references, id);
      }
    }
  }
  for (std::size_t mb = 0; mb < columns * rows; ++mb) {
    const std::uint16_t slice = slice_of_macroblock[mb];
    if (slice == kNoSlice) continue;
    const std::size_t row = mb / columns;
    const std::size_t column = mb % columns;
    for (std::size_t list = 0; list < 2; ++list) {
      for (std::size_t b = 0; b < 4; ++b) {
        const std::int8_t index = ref_index[list][(row * 2 + b / 2) * columns * 2 + column * 2 + b % 2];
        if (index < 0) continue;
        const std::int8_t position = positions[slice][list][static_cast<std::size_t>(index)];
        const std::size_t cell = list * cells + (row * 4 + b / 2 * 2) * columns * 4 + column * 4 + b % 2 * 2;
        coded.ref[cell] = coded.ref[cell + 1] = position;
        coded.ref[cell + columns * 4] = coded.ref[cell + columns * 4 + 1] = position;
      }
    }
  }
}

}  // namespace videotx::h264
