#include "h264/residual.h"

#include <algorithm>

namespace videotx::h264 {
namespace {

// Scan order of the DC coefficients of 4:2:2 chroma (equation 8-330), as raster positions two wide.
constexpr std::uint8_t kChromaDcScan422[8] = {0, 2, 1, 5, 3, 6, 4, 7};

std::int32_t product(std::int32_t level, std::int32_t scale, std::int32_t rounding, int shift) {
  // Sound coefficients stay far below; the bound keeps the transforms of damaged ones inside 32 bits.
  constexpr std::int64_t kLimit = 1 << 22;
  const std::int64_t value = (std::int64_t{level} * scale + rounding) >> shift;
  return static_cast<std::int32_t>(std::clamp(value, -kLimit, kLimit));
}

}  // namespace

ResidualSink::ResidualSink(const Slice& slice, const Macroblock& mb)
    : wanted_(mb.intra ? slice.store_intra_residual : slice.store_inter_residual),
      bypass_(mb.bypass),
      intra_(mb.intra),
      chroma_422_(slice.sps->chroma_array_type() == 2),
      scan4x4_(mb.field ? kFieldScan4x4 : kZigZag4x4),
      scan8x8_(mb.field ? kFieldScan8x8 : kZigZag8x8),
      scale_(slice.scale) {
  if (!wanted_) return;
  const SequenceParameterSet& sps = *slice.sps;
  const CodedPicture& coded = slice.picture->coded;
  ResidualPlanes& planes = *coded.residual;
  const auto columns = static_cast<std::size_t>(slice.columns);
  const auto column = static_cast<std::size_t>(mb.column);
  const auto row = static_cast<std::size_t>(mb.row);
  // Field macroblocks own every other line of a pair.
  const auto first_line = [&](std::size_t height) { return mb.field ? row / 2 * 2 * height + row % 2 : row * height; };
  const std::size_t step = mb.field ? 2 : 1;
  stride_[0] = columns * 16;
  for (std::size_t i = 0; i < 2; ++i) {
    written_[i] = &planes.written[(mb.field ? row / 2 * 2 + i : row) * columns + column];
  }
  plane_[0] = planes.y.data() + first_line(16) * stride_[0] + column * 16;
  stride_[0] *= step;
  qp_[0] = slice.qp + 6 * (sps.bit_depth_luma - 8);
  if (sps.chroma_array_type() == 0) return;
  const auto width = static_cast<std::size_t>(coded.chroma_block_width);
  const auto height = static_cast<std::size_t>(coded.chroma_block_height);
  for (std::size_t plane = 1; plane < 3; ++plane) {
    auto& samples = plane == 1 ? planes.cb : planes.cr;
    stride_[plane] = columns * width;
    plane_[plane] = samples.data() + first_line(height) * stride_[plane] + column * width;
    stride_[plane] *= step;
    qp_[plane] = chroma_qp(slice.qp, slice.pps->chroma_qp_index_offset[plane - 1], sps.bit_depth_chroma);
  }
}

std::int16_t* ResidualSink::at(BlockPlace place) const {
  constexpr std::uint8_t kPlanes[3] = {ResidualPlanes::kLuma, ResidualPlanes::kCb, ResidualPlanes::kCr};
  std::uint8_t blocks = kPlanes[place.plane];
  // Those of a field macroblock lie on all lines of two.
  if (place.plane == 0 && written_[0] == written_[1]) {
    blocks = static_cast<std::uint8_t>(1U << (place.row / 2 * 2 + place.column / 2));
  }
  for (std::uint8_t* written : written_) *written |= blocks;
  return plane_[place.plane] + static_cast<std::size_t>(place.row) * 4 * stride_[place.plane] +
         static_cast<std::size_t>(place.column) * 4;
}

void ResidualSink::block4x4(BlockPlace place, const Levels& levels, unsigned first, std::int32_t dc) {
  const std::size_t stride = stride_[place.plane];
  if (levels.count == 0 && !bypass_) {
    fill_dc(dc, 4, at(place), stride);
    return;
  }
  Block4x4 block{};
  block[0] = dc;
  const auto& scale = scale_->scale4x4(intra_, place.plane, qp_[place.plane]);
  for (std::size_t i = 0; i < levels.count; ++i) {
    const std::size_t position = scan4x4_[levels.position[i] + first];
    block[position] = bypass_ ? levels.level[i] : product(levels.level[i], scale[position], 8, 4);
  }
  if (bypass_) {
    copy_block(block.data(), 4, at(place), stride);
  } else {
    inverse_transform4x4(block, at(place), stride);
  }
}

void ResidualSink::block8x8(BlockPlace place, const Levels& levels) {
  Block8x8 block{};
  const auto& scale = scale_->scale8x8(intra_, place.plane, qp_[place.plane]);
  for (std::size_t i = 0; i < levels.count; ++i) {
    const std::size_t position = scan8x8_[levels.position[i]];
    block[position] = bypass_ ? levels.level[i] : product(levels.level[i], scale[position], 32, 6);
  }
  const std::size_t stride = stride_[place.plane];
  if (bypass_) {
    copy_block(block.data(), 8, at(place), stride);
  } else if (levels.count == 1 && levels.position[0] == 0) {
    fill_dc(block[0], 8, at(place), stride);
  } else {
    inverse_transform8x8(block, at(place), stride);
  }
}

Block4x4 ResidualSink::luma_dc(std::size_t plane, const Levels& levels) const {
  Block4x4 dc{};
  for (std::size_t i = 0; i < levels.count; ++i) dc[scan4x4_[levels.position[i]]] = levels.level[i];
  if (!bypass_) inverse_luma_dc(dc, scale_->scale4x4(intra_, plane, qp_[plane])[0]);
  return dc;
}

std::array<std::int32_t, 8> ResidualSink::chroma_dc(std::size_t plane, const Levels& levels) const {
  std::array<std::int32_t, 8> dc{};
  for (std::size_t i = 0; i < levels.count; ++i) {
    const std::size_t scan = levels.position[i];
    dc[chroma_422_ ? kChromaDcScan422[scan] : scan] = levels.level[i];
  }
  if (bypass_) return dc;
  if (chroma_422_) {
    inverse_chroma_dc422(dc, scale_->scale4x4(intra_, plane, qp_[plane] + 3)[0]);
  } else {
    inverse_chroma_dc420(dc, scale_->scale4x4(intra_, plane, qp_[plane])[0]);
  }
  return dc;
}

}  // namespace videotx::h264
