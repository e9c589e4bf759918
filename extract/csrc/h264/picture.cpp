#include "h264/picture.h"

#include <cstring>

namespace videotx::h264 {

std::int8_t position_of(std::vector<PictureId>& ids, PictureId id) {
  const auto found = std::ranges::find(ids, id);
  const auto position = found - ids.begin();
  if (found == ids.end()) ids.push_back(id);
  return static_cast<std::int8_t>(std::min<std::ptrdiff_t>(position, 127));
}

bool Picture::clear_missing() {
  if (std::ranges::find(slice_of_macroblock, kNoSlice) == slice_of_macroblock.end()) return false;
  const auto columns = static_cast<std::size_t>(coded.macroblock_columns);
  const auto clear = [columns](auto& plane, std::size_t mb, std::size_t width, std::size_t height, auto value) {
    if (plane.empty()) return;
    const std::size_t stride = columns * width;
    auto* first = plane.data() + mb / columns * height * stride + mb % columns * width;
    for (std::size_t y = 0; y < height; ++y) std::fill_n(first + y * stride, width, value);
  };
  // Of the lines of a pair, every other one is a field macroblock's.
  const auto clear_samples = [&](auto& plane, std::size_t mb, std::size_t width, std::size_t height) {
    const std::size_t row = mb / columns;
    const std::size_t line = is_field(mb) ? row / 2 * 2 * height + row % 2 : row * height;
    const std::size_t step = is_field(mb) ? 2 : 1;
    auto* first = plane.data() + (line * columns + mb % columns) * width;
    for (std::size_t y = 0; y < height; ++y) std::fill_n(first + y * step * columns * width, width, std::int16_t{0});
  };
  const auto chroma_width = static_cast<std::size_t>(coded.chroma_block_width);
  const auto chroma_height = static_cast<std::size_t>(coded.chroma_block_height);
  for (std::size_t mb = 0; mb < slice_of_macroblock.size(); ++mb) {
    if (slice_of_macroblock[mb] != kNoSlice) continue;
    for (std::size_t list = 0; list < 2; ++list) {
      clear(mv[list], mb, 4, 4, MotionVector{});
      clear(ref_index[list], mb, 2, 2, std::int8_t{-1});
    }
    coded.qp[mb] = 0;
    if (!coded.residual) continue;
    clear_samples(coded.residual->y, mb, 16, 16);
    clear_samples(coded.residual->cb, mb, chroma_width, chroma_height);
    clear_samples(coded.residual->cr, mb, chroma_width, chroma_height);
  }
  return true;
}

void Picture::export_motion() {
  const auto columns = static_cast<std::size_t>(coded.macroblock_columns);
  const auto rows = static_cast<std::size_t>(coded.macroblock_rows);
  const std::size_t cells = columns * rows * 16;
  static_assert(sizeof(MotionVector) == 4);
  coded.mv.reserve(cells * 4);
  for (const auto& vectors : mv) {
    const auto* numbers = &vectors.data()->x;
    coded.mv.insert(coded.mv.end(), numbers, numbers + 2 * cells);
  }
  coded.ref.assign(cells * 2, -1);
  std::vector<std::array<std::array<std::int8_t, kMaxReferences>, 2>> positions(slices.size());
  for (std::size_t s = 0; s < slices.size(); ++s) {
    for (std::size_t list = 0; list < 2; ++list) {
      for (std::size_t i = 0; i < kMaxReferences; ++i) {
        const PictureId id = slices[s].references[list][i];
        positions[s][list][i] = position_of(coded.references, id);
      }
    }
  }
  // A missing macroblock may have had motion, except in an I picture. Its place in `references` is no picture's.
  const std::size_t num_unknown = num_lists();
  const std::int8_t unknown = position_of(coded.references, kNoPicture);
  const auto export_unknown = [&](std::size_t first) {
    for (std::size_t list = 0; list < num_unknown; ++list) {
      for (std::size_t y = 0; y < 4; ++y) {
        std::fill_n(coded.ref.begin() + static_cast<std::ptrdiff_t>(list * cells + first + y * columns * 4), 4, unknown);
      }
    }
  };
  for (std::size_t mb = 0; mb < columns * rows; ++mb) {
    const std::uint16_t slice = slice_of_macroblock[mb];
    const std::size_t row = mb / columns;
    const std::size_t column = mb % columns;
    if (slice == kNoSlice) {
      export_unknown(row * columns * 16 + column * 4);
      continue;
    }
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

namespace {

using Weights = std::array<std::array<std::array<std::int16_t, 3>, 3>, 2>;  // [list][component][weight, offset, log2]

// `kind` of macroblock: 0 as its picture, 1 and 2 of the top and the bottom field of an MBAFF frame.
Weights weights_of(const SliceRecord& slice, const std::array<std::int8_t, 2>& ref, std::size_t kind) {
  Weights result;
  for (auto& list : result) list.fill({1, 0, 0});
  if (slice.weighted_bipred_idc == 1) {
    for (std::size_t list = 0; list < 2; ++list) {
      if (ref[list] < 0) continue;
      const PredictionWeight& w = slice.weights[list][static_cast<std::size_t>(ref[list]) >> (kind != 0 ? 1 : 0)];
      for (std::size_t c = 0; c < 3; ++c) {
        const unsigned log2 = c == 0 ? slice.luma_log2_denominator : slice.chroma_log2_denominator;
        result[list][c] = {w.weight[c], w.offset[c], static_cast<std::int16_t>(log2)};
      }
    }
  } else if (!slice.implicit_weights.empty() && ref[0] >= 0 && ref[1] >= 0) {
    const auto pair = static_cast<std::size_t>(ref[0]) * kMaxReferences + static_cast<std::size_t>(ref[1]);
    const std::int16_t w1 = slice.implicit_weights[kind * kMaxReferences * kMaxReferences + pair];
    result[0].fill({static_cast<std::int16_t>(64 - w1), 0, 5});
    result[1].fill({w1, 0, 5});
  }
  return result;
}

}  // namespace

void Picture::export_weights() {
  const auto stride = static_cast<std::size_t>(coded.macroblock_columns) * 2;
  const std::size_t cells = ref_index[0].size();
  coded.weights.resize(cells * 18);
  for (std::size_t i = 0; i < cells; ++i) {
    const std::size_t place = i / stride / 2 * (stride / 2) + i % stride / 2;
    const std::uint16_t slice = slice_of_macroblock[place];
    const std::array<std::int8_t, 2> ref = {ref_index[0][i], ref_index[1][i]};
    Weights weights{};
    if (slice != kNoSlice) {
      const bool mbaff_field = is_field(place) && slices[slice].structure == Structure::kFrame;
      weights = weights_of(slices[slice], ref, mbaff_field ? 1 + i / stride / 2 % 2 : 0);
    }
    static_assert(sizeof(Weights) == 18 * sizeof(std::int16_t));
    std::memcpy(coded.weights.data() + i * 18, &weights, sizeof weights);
  }
}

}  // namespace videotx::h264
