#include "residual.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "jpeg_transform.h"

namespace videotx {
namespace {

// Numbers kept of a cell: its values, and two that make them fill a register.
constexpr std::size_t kNumbers = 8;

// Sums of one picture, and what they are divided by.
class CellSums {
 public:
  explicit CellSums(const CellBorders& borders)
      : borders_(borders), sums_(borders.rows() * borders.columns() * kNumbers) {}

  void clear() { std::fill(sums_.begin(), sums_.end(), 0); }
  std::int32_t* row(std::size_t row) { return sums_.data() + row * borders_.columns() * kNumbers; }

  void means(int scale, float* out) const {
    const std::int32_t* sum = sums_.data();
    for (std::size_t row = 0; row < borders_.rows(); ++row) {
      for (std::size_t column = 0; column < borders_.columns(); ++column) {
        const int area =
            (borders_.x[column + 1] - borders_.x[column]) * (borders_.y[row + 1] - borders_.y[row]);
        const float share = area > 0 ? static_cast<float>(scale) / static_cast<float>(area) : 0.0F;
        for (std::size_t i = 0; i < kResidualValues; ++i) {
          *out++ = static_cast<float>(sum[i]) * share;
        }
        sum += kNumbers;
      }
    }
  }

 private:
  const CellBorders& borders_;
  std::vector<std::int32_t> sums_;
};

// Which cell each sample along an axis is in.
std::vector<std::size_t> cells_along(std::span<const std::int32_t> borders) {
  std::vector<std::size_t> out(static_cast<std::size_t>(borders.back()));
  for (std::size_t cell = 0; cell + 1 < borders.size(); ++cell) {
    for (std::int32_t i = borders[cell]; i < borders[cell + 1]; ++i) {
      out[static_cast<std::size_t>(i)] = cell;
    }
  }
  return out;
}

}  // namespace

template <typename Sample>
void reduce_to_cells(const ResidualPictures<Sample>& pictures, const CellBorders& borders, float* out) {
  CellSums sums(borders);
  const auto width = static_cast<std::size_t>(pictures.width);
  const auto height = static_cast<std::size_t>(pictures.height);
  const std::vector<std::size_t> column_of = cells_along(borders.x);
  const std::vector<std::size_t> row_of = cells_along(borders.y);
  const Sample* sample = pictures.samples.data();
  for (int frame = 0; frame < pictures.num_frames; ++frame) {
    sums.clear();
    for (std::size_t y = 0; y < height; ++y) {
      std::int32_t* row = sums.row(row_of[y]);
      for (std::size_t x = 0; x < width; ++x, sample += 3) {
        std::int32_t* sum = row + column_of[x] * kNumbers;
        for (std::size_t channel = 0; channel < 3; ++channel) {
          const int value = sample[channel] - pictures.zero;
          sum[channel] += value;
          sum[channel + 3] += std::abs(value);
        }
      }
    }
    sums.means(pictures.scale, out);
    out += borders.rows() * borders.columns() * kResidualValues;
  }
}

void reduce_to_cells(const Planes& planes, int scale, const CellBorders& borders, float* out) {
  CellSums sums(borders);
  const std::vector<std::size_t> column_of = cells_along(borders.x);
  const std::vector<std::size_t> row_of = cells_along(borders.y);
  const auto sum_residual = best_transforms().sum_residual;
  for (std::size_t block = 0; block < planes.touched.size(); ++block) {
    if (planes.touched[block] == 0) {
      continue;
    }
    const std::size_t top = 8 * (block / static_cast<std::size_t>(planes.num_columns));
    const std::size_t left = 8 * (block % static_cast<std::size_t>(planes.num_columns));
    const std::size_t bottom = std::min(top + 8, row_of.size());
    const std::size_t right = std::min(left + 8, column_of.size());
    for (std::size_t y = top; y < bottom;) {
      std::size_t end = y + 1;  // of the lines of this block that are in one row of cells
      while (end < bottom && row_of[end] == row_of[y]) {
        ++end;
      }
      const std::size_t at = y * planes.stride[0] + left;
      ResidualColumns columns;
      sum_residual(planes.samples[0].data() + at, planes.samples[1].data() + at, planes.samples[2].data() + at,
                   planes.stride[0], end - y, columns);
      std::int32_t* row = sums.row(row_of[y]);
      y = end;
      for (std::size_t x = left; x < right;) {
        const std::size_t cell = column_of[x];
        std::array<std::int16_t, kNumbers> in_cell = columns[x - left];
        for (++x; x < right && column_of[x] == cell; ++x) {
          for (std::size_t i = 0; i < kNumbers; ++i) {
            in_cell[i] = static_cast<std::int16_t>(in_cell[i] + columns[x - left][i]);
          }
        }
        for (std::size_t i = 0; i < kNumbers; ++i) {
          row[cell * kNumbers + i] += in_cell[i];
        }
      }
    }
  }
  sums.means(scale, out);
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

template void reduce_to_cells(const ResidualPictures<std::uint8_t>&, const CellBorders&, float*);
template void reduce_to_cells(const ResidualPictures<std::int16_t>&, const CellBorders&, float*);
template Accumulated accumulate(const BlockMotion&, const ResidualPictures<std::uint8_t>*, int, int, int, float, float);
template Accumulated accumulate(const BlockMotion&, const ResidualPictures<std::int16_t>*, int, int, int, float, float);

}  // namespace videotx
