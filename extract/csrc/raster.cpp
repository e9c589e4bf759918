#include "raster.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace videotx {
namespace {

// AVMotionVector of libavutil/motion_vector.h as the ABI lays it out. Bytes 34-39 of a record are padding and
// uninitialised, so a record is never compared or stored as a whole.
constexpr std::size_t kVectorBytes = 40;
constexpr std::size_t kSource = 0;        // int32
constexpr std::size_t kWidth = 4;         // uint8
constexpr std::size_t kHeight = 5;        // uint8
constexpr std::size_t kCentreX = 10;      // int16
constexpr std::size_t kCentreY = 12;      // int16
constexpr std::size_t kMotionX = 24;      // int32
constexpr std::size_t kMotionY = 28;      // int32
constexpr std::size_t kMotionScale = 32;  // uint16

// AVVideoEncParams and AVVideoBlockParams of libavutil/video_enc_params.h.
constexpr std::size_t kNumBlocks = 0;      // uint32
constexpr std::size_t kBlocksOffset = 8;   // size_t
constexpr std::size_t kBlockSize = 16;     // size_t
constexpr std::size_t kBaseQuantiser = 28;  // int32
constexpr std::size_t kParamsBytes = 64;
constexpr std::size_t kBlockBytes = 20;  // int32 src_x, src_y, w, h, delta_qp

template <typename T>
T load(std::span<const std::uint8_t> bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.subspan(offset, sizeof(T)).data(), sizeof(T));
  return value;
}

// First cell whose top left sample is at or after `position` (in coded samples).
int first_cell(int position, int crop, int log2_block, int num_cells) {
  return std::clamp((position - crop + (1 << log2_block) - 1) >> log2_block, 0, num_cells);
}

struct Cells {
  int top, bottom, left, right;
};

inline Cells covered_cells(const Grid& grid, int x, int y, int width, int height) {
  const int log2 = std::countr_zero(static_cast<unsigned>(grid.block));
  return {first_cell(y, grid.crop_top, log2, grid.rows), first_cell(y + height, grid.crop_top, log2, grid.rows),
          first_cell(x, grid.crop_left, log2, grid.columns), first_cell(x + width, grid.crop_left, log2, grid.columns)};
}

bool to_qpel(std::int32_t motion, int scale, std::int16_t& out) {
  // The scales of H.264 and MPEG-4 need no division, which takes longer than all the rest.
  const std::int64_t value = scale == 4   ? std::int64_t{motion}
                             : scale == 2 ? std::int64_t{motion} * 2
                                          : std::int64_t{motion} * 4 / scale;
  if (value < std::numeric_limits<std::int16_t>::min() || value > std::numeric_limits<std::int16_t>::max()) return false;
  out = static_cast<std::int16_t>(value);
  return true;
}

class VectorPainter {
 public:
  VectorPainter(const Grid& grid, const ListReferences& references, std::span<std::int16_t> mv, std::span<std::int8_t> ref)
      : grid_(grid), references_(references), columns_(static_cast<std::size_t>(grid.columns)),
        list_size_(static_cast<std::size_t>(grid.rows) * columns_), mv_(mv), ref_(ref) {}

  void paint(std::span<const std::uint8_t> record) {
    const int width = record[kWidth];
    const int height = record[kHeight];
    const int scale = load<std::uint16_t>(record, kMotionScale);
    const std::size_t list = load<std::int32_t>(record, kSource) > 0 ? 1 : 0;
    std::int8_t reference = list == 0 ? references_.list0 : references_.list1;
    Vector vector;
    if (references_.both_unknown || (references_.field_blocks_unknown && width == 16 && height == 8) || scale == 0 ||
        !to_qpel(load<std::int32_t>(record, kMotionX), scale, vector.x) ||
        !to_qpel(load<std::int32_t>(record, kMotionY), scale, vector.y)) {
      reference = kRefUnknown;
    }
    if (reference == kRefUnknown) vector = {};
    const Cells cells = covered_cells(grid_, load<std::int16_t>(record, kCentreX) - width / 2,
                                      load<std::int16_t>(record, kCentreY) - height / 2, width, height);
    if (cells.left >= cells.right || cells.top >= cells.bottom) return;
    paint_cells(cells, list, reference, vector);
    if (references_.both_unknown) paint_cells(cells, 1 - list, reference, vector);
    const bool whole_macroblock = width == 16 && height == 16;
    if (list == 1 && !whole_macroblock && reference != kRefUnknown) settle_lists(cells);
  }

  std::size_t num_ambiguous() const { return num_ambiguous_; }

 private:
  struct Vector {
    std::int16_t x = 0;
    std::int16_t y = 0;
  };

  // Of the usual grid a vector covers two by two cells at most. They are painted as four corners, some of which may be
  // the same: how many there are cannot be foreseen, and takes no branch.
  void paint_cells(const Cells& cells, std::size_t list, std::int8_t reference, Vector vector) {
    const int right = cells.right - 1, bottom = cells.bottom - 1;
    if (right - cells.left <= 1 && bottom - cells.top <= 1) {
      for (const int row : {cells.top, bottom}) {
        for (const int column : {cells.left, right}) put(list, row, column, reference, vector);
      }
      return;
    }
    for (int row = cells.top; row <= bottom; ++row) {
      for (int column = cells.left; column <= right; ++column) put(list, row, column, reference, vector);
    }
  }

  void put(std::size_t list, int row, int column, std::int8_t reference, Vector vector) {
    const std::size_t cell = list * list_size_ + static_cast<std::size_t>(row) * columns_ + static_cast<std::size_t>(column);
    ref_[cell] = reference;
    std::memcpy(&mv_[2 * cell], &vector, sizeof vector);
  }

  bool is_zero(std::size_t cell) const { return mv_[2 * cell] == 0 && mv_[2 * cell + 1] == 0; }

  // Inside a partitioned macroblock libavcodec exports a list for every partition as soon as one uses it; the others
  // come as (0, 0). Where one list has a vector and the other has (0, 0), the zero may be such a filler.
  void settle_lists(const Cells& cells) {
    for (int row = cells.top; row < cells.bottom; ++row) {
      for (int column = cells.left; column < cells.right; ++column) {
        const std::size_t cell0 = static_cast<std::size_t>(row) * columns_ + static_cast<std::size_t>(column);
        const std::size_t cell1 = list_size_ + cell0;
        if (ref_[cell0] == kRefNone) continue;
        const bool zero0 = is_zero(cell0);
        const bool zero1 = is_zero(cell1);
        if (!zero0 && !zero1) continue;
        ++num_ambiguous_;
        if (!zero1) ref_[cell0] = kRefUnknown;
        if (!zero0) ref_[cell1] = kRefUnknown;
      }
    }
  }

  Grid grid_;
  ListReferences references_;
  std::size_t columns_;
  std::size_t list_size_;
  std::span<std::int16_t> mv_;
  std::span<std::int8_t> ref_;
  std::size_t num_ambiguous_ = 0;
};

void check_grid(const Grid& grid) {
  const bool power_of_two = grid.block > 0 && std::has_single_bit(static_cast<unsigned>(grid.block));
  if (grid.rows < 0 || grid.columns < 0 || !power_of_two || grid.crop_left < 0 || grid.crop_top < 0) {
    throw std::invalid_argument("grid must have sizes >= 0 and a block that is a power of two");
  }
}

}  // namespace

RasterResult rasterise_vectors(std::span<const std::uint8_t> side_data, const Grid& grid, const ListReferences& references,
                               std::span<std::int16_t> mv, std::span<std::int8_t> ref) {
  check_grid(grid);
  const std::size_t cells = static_cast<std::size_t>(grid.rows) * static_cast<std::size_t>(grid.columns);
  if (ref.size() != 2 * cells || mv.size() != 4 * cells) throw std::invalid_argument("mv and ref do not fit the grid");
  if (side_data.size() % kVectorBytes != 0) throw std::invalid_argument("side data is not made of 40-byte vectors");
  VectorPainter painter(grid, references, mv, ref);
  for (std::size_t offset = 0; offset < side_data.size(); offset += kVectorBytes) {
    painter.paint(side_data.subspan(offset, kVectorBytes));
  }
  return {side_data.size() / kVectorBytes, painter.num_ambiguous()};
}

bool rasterise_quantisers(std::span<const std::uint8_t> side_data, const Grid& grid, int divisor,
                          std::span<std::int8_t> qp) {
  check_grid(grid);
  if (divisor <= 0) throw std::invalid_argument("divisor must be positive");
  if (qp.size() != static_cast<std::size_t>(grid.rows) * static_cast<std::size_t>(grid.columns)) {
    throw std::invalid_argument("qp does not fit the grid");
  }
  if (side_data.size() < kParamsBytes) return false;
  const auto num_blocks = load<std::uint32_t>(side_data, kNumBlocks);
  const auto offset = load<std::size_t>(side_data, kBlocksOffset);
  const auto size = load<std::size_t>(side_data, kBlockSize);
  const auto base = load<std::int32_t>(side_data, kBaseQuantiser);
  if (size < kBlockBytes || offset > side_data.size() || (side_data.size() - offset) / size < num_blocks) return false;
  for (std::size_t i = 0; i < num_blocks; ++i) {
    const auto block = side_data.subspan(offset + i * size, kBlockBytes);
    const Cells cells = covered_cells(grid, load<std::int32_t>(block, 0), load<std::int32_t>(block, 4),
                                      load<std::int32_t>(block, 8), load<std::int32_t>(block, 12));
    const std::int32_t value = (base + load<std::int32_t>(block, 16)) / divisor;
    for (int row = cells.top; row < cells.bottom; ++row) {
      for (int column = cells.left; column < cells.right; ++column) {
        qp[static_cast<std::size_t>(row) * static_cast<std::size_t>(grid.columns) + static_cast<std::size_t>(column)] =
            static_cast<std::int8_t>(std::clamp(value, -128, 127));
      }
    }
  }
  return num_blocks > 0;
}

}  // namespace videotx
