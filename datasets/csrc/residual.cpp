#include "residual.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace videotx {
namespace {

// Borders of the cells along one axis: 0, the multiples of `cell` counted from `origin` that lie inside, and `length`.
std::vector<int> borders(float origin, float cell, int length, float& first) {
  const float before = std::ceil(origin / cell);
  first = origin - before * cell;
  std::vector<int> out;
  for (int i = 0; out.empty() || out.back() < length; ++i) {
    const auto at = static_cast<int>(std::lround(first + static_cast<float>(i) * cell));
    out.push_back(std::clamp(at, 0, length));
  }
  return out;
}

}  // namespace

template <typename Sample>
ResidualCells reduce_to_cells(const ResidualPictures<Sample>& pictures, const CellLayout& layout) {
  ResidualCells out;
  float first_x = 0.0F;
  float first_y = 0.0F;
  const std::vector<int> xs = borders(layout.origin_x, layout.cell_width, pictures.width, first_x);
  const std::vector<int> ys = borders(layout.origin_y, layout.cell_height, pictures.height, first_y);
  const float to_native_x = layout.native_width / static_cast<float>(pictures.width);
  const float to_native_y = layout.native_height / static_cast<float>(pictures.height);
  out.columns = static_cast<int>(xs.size()) - 1;
  out.rows = static_cast<int>(ys.size()) - 1;
  out.left = first_x * to_native_x;
  out.top = first_y * to_native_y;
  out.cell_width = layout.cell_width * to_native_x;
  out.cell_height = layout.cell_height * to_native_y;
  const auto columns = static_cast<std::size_t>(out.columns);
  out.values.resize(static_cast<std::size_t>(pictures.num_frames) * static_cast<std::size_t>(out.rows) * columns *
                    kResidualValues);
  std::vector<std::int32_t> sums(columns * kResidualValues);
  const auto row_samples = static_cast<std::size_t>(pictures.width) * 3;
  auto result = out.values.begin();
  for (int frame = 0; frame < pictures.num_frames; ++frame) {
    for (std::size_t row = 0; row + 1 < ys.size(); ++row) {
      std::fill(sums.begin(), sums.end(), 0);
      for (int y = ys[row]; y < ys[row + 1]; ++y) {
        const auto line = (static_cast<std::size_t>(frame) * static_cast<std::size_t>(pictures.height) +
                           static_cast<std::size_t>(y)) * row_samples;
        const Sample* sample = pictures.samples.data() + line;
        for (std::size_t column = 0; column < columns; ++column) {
          std::int32_t r = 0, g = 0, b = 0, abs_r = 0, abs_g = 0, abs_b = 0;
          for (int x = xs[column]; x < xs[column + 1]; ++x, sample += 3) {
            const int dr = sample[0] - pictures.zero;
            const int dg = sample[1] - pictures.zero;
            const int db = sample[2] - pictures.zero;
            r += dr;
            g += dg;
            b += db;
            abs_r += std::abs(dr);
            abs_g += std::abs(dg);
            abs_b += std::abs(db);
          }
          std::int32_t* sum = sums.data() + column * kResidualValues;
          sum[0] += r;
          sum[1] += g;
          sum[2] += b;
          sum[3] += abs_r;
          sum[4] += abs_g;
          sum[5] += abs_b;
        }
      }
      for (std::size_t column = 0; column < columns; ++column) {
        const int area = (xs[column + 1] - xs[column]) * (ys[row + 1] - ys[row]);
        const float share = area > 0 ? static_cast<float>(pictures.scale) / static_cast<float>(area) : 0.0F;
        for (std::size_t i = 0; i < kResidualValues; ++i) {
          *result++ = static_cast<float>(sums[column * kResidualValues + i]) * share;
        }
      }
    }
  }
  return out;
}

template <typename Sample>
Accumulated accumulate(const BlockMotion& motion, const ResidualPictures<Sample>* pictures, int frame, int height,
                       int width, float block_height, float block_width) {
  const auto samples = static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
  const std::size_t cells = motion.grid.size();
  Accumulated out;
  out.displacement.resize(samples);
  out.source.resize(samples);
  if (pictures != nullptr) {
    out.residual.resize(samples * 3);
  }
  const float quarter_x = 0.25F * block_width / motion.grid.block;
  const float quarter_y = 0.25F * block_height / motion.grid.block;
  std::size_t index = 0;
  for (int row = 0; row < height; ++row) {
    for (int column = 0; column < width; ++column, ++index) {
      float x = static_cast<float>(column) + 0.5F;
      float y = static_cast<float>(row) + 0.5F;
      int at = frame;
      while (at > 0) {
        const float in_x = std::clamp(x, 0.5F, static_cast<float>(width) - 0.5F);
        const float in_y = std::clamp(y, 0.5F, static_cast<float>(height) - 0.5F);
        const int block_row = std::min(static_cast<int>(in_y / block_height), motion.grid.rows - 1);
        const int block_column = std::min(static_cast<int>(in_x / block_width), motion.grid.columns - 1);
        const auto cell = static_cast<std::size_t>(block_row * motion.grid.columns + block_column);
        std::size_t found = 0;
        int distance = 0;
        for (std::size_t list = 0; list < 2; ++list) {
          const std::size_t entry = (static_cast<std::size_t>(at) * 2 + list) * cells + cell;
          const int ref = motion.ref[entry];
          if (ref < 0 && ref != kRefUnknown && (distance == 0 || ref > distance)) {
            distance = ref;
            found = entry;
          }
        }
        if (distance == 0 || at + distance < 0) {
          break;
        }
        if (pictures != nullptr) {
          const auto sample = ((static_cast<std::size_t>(at) * static_cast<std::size_t>(height) +
                                static_cast<std::size_t>(in_y)) * static_cast<std::size_t>(width) +
                               static_cast<std::size_t>(in_x)) * 3;
          for (std::size_t channel = 0; channel < 3; ++channel) {
            out.residual[index * 3 + channel] +=
                (pictures->samples[sample + channel] - pictures->zero) * pictures->scale;
          }
        }
        x = in_x + static_cast<float>(motion.mv[2 * found]) * quarter_x;
        y = in_y + static_cast<float>(motion.mv[2 * found + 1]) * quarter_y;
        at += distance;
      }
      out.displacement[index] = {x - static_cast<float>(column) - 0.5F, y - static_cast<float>(row) - 0.5F};
      out.source[index] = at;
    }
  }
  return out;
}

template ResidualCells reduce_to_cells(const ResidualPictures<std::uint8_t>&, const CellLayout&);
template ResidualCells reduce_to_cells(const ResidualPictures<std::int16_t>&, const CellLayout&);
template Accumulated accumulate(const BlockMotion&, const ResidualPictures<std::uint8_t>*, int, int, int, float, float);
template Accumulated accumulate(const BlockMotion&, const ResidualPictures<std::int16_t>*, int, int, int, float, float);

}  // namespace videotx
