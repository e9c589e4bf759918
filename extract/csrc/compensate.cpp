#include "compensate.h"

#include <array>
#include <optional>
#include <stdexcept>

#include "raster.h"

namespace videotx {
namespace {

struct Vector {
  int x = 0;
  int y = 0;
};

// What one cell is predicted from: one or two pictures with a vector each.
struct CellMotion {
  std::array<const Picture*, 2> picture = {nullptr, nullptr};
  std::array<Vector, 2> vector;

  bool operator==(const CellMotion& other) const {
    for (std::size_t list = 0; list < 2; ++list) {
      if (picture[list] != other.picture[list]) return false;
      if (vector[list].x != other.vector[list].x || vector[list].y != other.vector[list].y) return false;
    }
    return true;
  }
};

// Sixteenths of a chroma sample (four luma vectors summed, in half luma samples) to half chroma samples
// (ISO/IEC 14496-2 table 7-9).
int mpeg4_chroma_vector(int sum) {
  constexpr std::array<int, 16> kRounded = {0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2};
  const int fraction = sum & 15;
  return 2 * ((sum - fraction) / 16) + kRounded[static_cast<std::size_t>(fraction)];
}

class Subtractor {
 public:
  Subtractor(const Picture& current, const std::vector<Reference>& references, const Motion& motion,
             Interpolation interpolation, int rounding, const SampleFormat& format, DifferencePlanes out)
      : current_(current), references_(references), motion_(motion), interpolation_(interpolation), rounding_(rounding),
        format_(format), out_(out) {}

  void run() {
    if (interpolation_ == Interpolation::kH264) {
      for (int row = 0; row < motion_.rows; ++row) {
        for (int column = 0; column < motion_.columns; ++column) {
          if (const auto cell = cell_motion(row, column)) h264_cell(*cell, column * motion_.block, row * motion_.block);
        }
      }
      return;
    }
    for (int y = 0; y < current_.y.height; y += 16) {
      for (int x = 0; x < current_.y.width; x += 16) mpeg4_macroblock(x, y);
    }
  }

 private:
  using Cells = std::array<std::optional<CellMotion>, 4>;

  // Nothing where the cell has no motion, or any of its motion is unknown or points to a picture that is not at hand.
  std::optional<CellMotion> cell_motion(int row, int column) const {
    CellMotion cell;
    for (std::size_t list = 0; list < 2; ++list) {
      const std::size_t index =
          (list * static_cast<std::size_t>(motion_.rows) + static_cast<std::size_t>(row)) *
              static_cast<std::size_t>(motion_.columns) +
          static_cast<std::size_t>(column);
      const int distance = motion_.ref[index];
      if (distance == kRefNone) continue;
      if (distance == kRefUnknown) return std::nullopt;
      for (const Reference& reference : references_) {
        if (reference.distance == distance) cell.picture[list] = &reference.picture;
      }
      if (cell.picture[list] == nullptr) return std::nullopt;
      cell.vector[list] = {motion_.mv[2 * index], motion_.mv[2 * index + 1]};
    }
    if (cell.picture[0] == nullptr && cell.picture[1] == nullptr) return std::nullopt;
    return cell;
  }

  // Predicts by `predict(picture, list, block)` from each list in use, averages, and writes the difference.
  template <typename Predict>
  void write(const CellMotion& cell, const Plane& current, std::span<std::int16_t> out, int x, int y, int columns, int rows,
             Predict predict) {
    Block first;
    Block second;
    const bool two = cell.picture[0] != nullptr && cell.picture[1] != nullptr;
    const std::size_t list = cell.picture[0] != nullptr ? 0 : 1;
    predict(*cell.picture[list], cell.vector[list], first);
    if (two) predict(*cell.picture[1], cell.vector[1], second);
    for (int row = 0; row < rows && y + row < current.height; ++row) {
      for (int column = 0; column < columns && x + column < current.width; ++column) {
        const auto i = static_cast<std::size_t>(row * kMaxBlock + column);
        const int prediction = two ? (first[i] + second[i] + 1) >> 1 : first[i];
        const auto at = static_cast<std::size_t>(y + row) * static_cast<std::size_t>(current.width) +
                        static_cast<std::size_t>(x + column);
        out[at] = static_cast<std::int16_t>(current.at(x + column, y + row) - prediction);
      }
    }
  }

  void h264_cell(const CellMotion& cell, int x, int y) {
    const int size = motion_.block;
    const auto luma = [&](const Plane Picture::* plane) {
      return [&, plane](const Picture& picture, Vector v, Block& block) {
        predict_h264_luma(picture.*plane, 4 * x + v.x, 4 * y + v.y, size, size, format_.max_sample, block);
      };
    };
    write(cell, current_.y, out_.y, x, y, size, size, luma(&Picture::y));
    if (current_.cb.bytes == nullptr) return;
    if (format_.chroma_shift_x == 0 && format_.chroma_shift_y == 0) {
      // 4:4:4: chroma is interpolated as luma is (clause 8.4.2.2).
      write(cell, current_.cb, out_.cb, x, y, size, size, luma(&Picture::cb));
      write(cell, current_.cr, out_.cr, x, y, size, size, luma(&Picture::cr));
      return;
    }
    const int columns = size >> format_.chroma_shift_x;
    const int rows = size >> format_.chroma_shift_y;
    const int cx = x >> format_.chroma_shift_x;
    const int cy = y >> format_.chroma_shift_y;
    const auto chroma = [&](const Plane Picture::* plane) {
      return [&, plane](const Picture& picture, Vector v, Block& block) {
        // A quarter luma sample is an eighth of a subsampled chroma sample, a quarter of one that is not.
        predict_h264_chroma(picture.*plane, 8 * cx + (v.x << (1 - format_.chroma_shift_x)),
                            8 * cy + (v.y << (1 - format_.chroma_shift_y)), columns, rows, block);
      };
    };
    write(cell, current_.cb, out_.cb, cx, cy, columns, rows, chroma(&Picture::cb));
    write(cell, current_.cr, out_.cr, cx, cy, columns, rows, chroma(&Picture::cr));
  }

  void mpeg4_macroblock(int x, int y) {
    Cells cells;
    bool all = true;
    bool one_vector = true;
    for (std::size_t i = 0; i < 4; ++i) {
      const int row = (y + 8 * static_cast<int>(i / 2)) / motion_.block;
      const int column = (x + 8 * static_cast<int>(i % 2)) / motion_.block;
      // Beyond the picture's edge the macroblock's first block stands for the others, which are not shown.
      if (row < motion_.rows && column < motion_.columns) {
        cells[i] = cell_motion(row, column);
      } else {
        cells[i] = cells[0];
      }
      all = all && cells[i].has_value();
      one_vector = one_vector && cells[i] == cells[0];
    }
    if (all && one_vector) {
      mpeg4_luma(*cells[0], x, y, 16);
    } else {
      for (std::size_t i = 0; i < 4; ++i) {
        if (cells[i]) mpeg4_luma(*cells[i], x + 8 * static_cast<int>(i % 2), y + 8 * static_cast<int>(i / 2), 8);
      }
    }
    if (all && current_.cb.bytes != nullptr) mpeg4_chroma(cells, x / 2, y / 2);
  }

  void mpeg4_luma(const CellMotion& cell, int x, int y, int size) {
    write(cell, current_.y, out_.y, x, y, size, size, [&](const Picture& picture, Vector v, Block& block) {
      if (interpolation_ == Interpolation::kMpeg4Quarter) {
        predict_mpeg4_quarter(picture.y, 4 * x + v.x, 4 * y + v.y, size, rounding_, block);
      } else {
        predict_mpeg4_half(picture.y, 2 * x + v.x / 2, 2 * y + v.y / 2, size, size, rounding_, block);
      }
    });
  }

  void mpeg4_chroma(const Cells& cells, int x, int y) {
    CellMotion cell = *cells[0];
    for (std::size_t list = 0; list < 2; ++list) {
      Vector sum;
      for (const auto& part : cells) {
        // Quarter luma samples to half ones, towards zero; exact for half-sample streams.
        sum.x += part->vector[list].x / 2;
        sum.y += part->vector[list].y / 2;
      }
      cell.vector[list] = {mpeg4_chroma_vector(sum.x), mpeg4_chroma_vector(sum.y)};
    }
    const auto predict = [&](const Plane Picture::* plane) {
      return [&, plane](const Picture& picture, Vector v, Block& block) {
        predict_mpeg4_half(picture.*plane, 2 * x + v.x, 2 * y + v.y, 8, 8, rounding_, block);
      };
    };
    write(cell, current_.cb, out_.cb, x, y, 8, 8, predict(&Picture::cb));
    write(cell, current_.cr, out_.cr, x, y, 8, 8, predict(&Picture::cr));
  }

  const Picture& current_;
  const std::vector<Reference>& references_;
  const Motion& motion_;
  Interpolation interpolation_;
  int rounding_;
  SampleFormat format_;
  DifferencePlanes out_;
};

std::size_t area(const Plane& plane) {
  return plane.bytes == nullptr ? 0 : static_cast<std::size_t>(plane.width) * static_cast<std::size_t>(plane.height);
}

}  // namespace

void subtract_prediction(const Picture& current, const std::vector<Reference>& references, const Motion& motion,
                         Interpolation interpolation, int rounding, const SampleFormat& format, DifferencePlanes out) {
  const std::size_t cells = static_cast<std::size_t>(motion.rows) * static_cast<std::size_t>(motion.columns);
  if (motion.ref.size() != 2 * cells || motion.mv.size() != 4 * cells || (motion.block != 8 && motion.block != 4)) {
    throw std::invalid_argument("mv and ref do not fit a grid of 8x8 or 4x4 blocks");
  }
  if (out.y.size() != area(current.y) || out.cb.size() < area(current.cb) || out.cr.size() < area(current.cr)) {
    throw std::invalid_argument("residual planes do not fit the picture");
  }
  for (const Reference& reference : references) {
    const bool fits = reference.picture.y.width >= current.y.width && reference.picture.y.height == current.y.height &&
                      reference.picture.y.wide == current.y.wide &&
                      (reference.picture.cb.bytes == nullptr) == (current.cb.bytes == nullptr);
    if (!fits) throw std::invalid_argument("a reference differs from the current picture in size or format");
  }
  Subtractor(current, references, motion, interpolation, rounding, format, out).run();
}

}  // namespace videotx
