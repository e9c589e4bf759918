#include "residual_planes.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <utility>

namespace videotx {
namespace {

// The flags of so many macroblocks are looked at as one word: how many of them are set cannot be foreseen, nor which.
constexpr std::size_t kFlagsAtOnce = 8;
static_assert(std::endian::native == std::endian::little, "the first flags are the lowest byte of a word");

// Calls `clear(column, bit)` for every bit of `mask` that is set among the flags of a row of macroblocks.
template <class Clear>
void for_each_written(std::span<const std::uint8_t> flags, std::uint8_t mask, Clear&& clear) {
  const std::uint64_t masks = mask * std::uint64_t{0x0101010101010101};
  for (std::size_t column = 0; column < flags.size(); column += kFlagsAtOnce) {
    std::uint64_t word = 0;
    const std::size_t size = std::min(kFlagsAtOnce, flags.size() - column);
    std::memcpy(&word, flags.data() + column, size);
    for (word &= masks; word != 0; word &= word - 1) {
      const auto at = static_cast<std::size_t>(std::countr_zero(word));
      clear(column + at / 8, at % 8);
    }
  }
}

// The usual width is one that the compiler knows, for which it writes no loop.
void clear_block(std::int16_t* row, std::size_t stride, std::size_t width, std::size_t height) {
  for (std::size_t y = 0; y < height; ++y, row += stride) {
    if (width == 8) {
      std::fill_n(row, 8, std::int16_t{0});
    } else {
      std::fill_n(row, width, std::int16_t{0});
    }
  }
}

}  // namespace

ResidualPlanes::ResidualPlanes(const ResidualLayout& for_layout)
    : layout(for_layout), written(layout.macroblock_columns * layout.macroblock_rows) {
  y.resize(written.size() * 256);
  cb.resize(written.size() * layout.chroma_width * layout.chroma_height);
  cr.resize(cb.size());
}

void ResidualPlanes::clear() {
  const std::size_t columns = layout.macroblock_columns, stride = columns * 16;
  const std::size_t width = layout.chroma_width, height = layout.chroma_height, chroma_stride = columns * width;
  for (std::size_t row = 0; row < layout.macroblock_rows; ++row) {
    const std::span<std::uint8_t> flags = std::span(written).subspan(row * columns, columns);
    std::int16_t* luma = y.data() + row * 16 * stride;
    for_each_written(flags, kLuma, [&](std::size_t column, std::size_t block) {
      clear_block(luma + block / 2 * 8 * stride + column * 16 + block % 2 * 8, stride, 8, 8);
    });
    for (const auto& [plane, flag] : {std::pair(&cb, kCb), std::pair(&cr, kCr)}) {
      std::int16_t* chroma = plane->data() + row * height * chroma_stride;
      for_each_written(flags, flag, [&, width, height](std::size_t column, std::size_t) {
        clear_block(chroma + column * width, chroma_stride, width, height);
      });
    }
    std::ranges::fill(flags, std::uint8_t{0});
  }
}

std::shared_ptr<ResidualPlanes> ResidualPool::take(const ResidualLayout& layout) {
  std::unique_ptr<ResidualPlanes> planes;
  {
    const std::scoped_lock lock(free_->mutex);
    if (!free_->planes.empty()) {
      planes = std::move(free_->planes.back());
      free_->planes.pop_back();
    }
  }
  if (planes && planes->layout == layout) {
    planes->clear();
  } else {
    planes = std::make_unique<ResidualPlanes>(layout);
  }
  const auto give_back = [free = free_](ResidualPlanes* used) {
    std::unique_ptr<ResidualPlanes> owned(used);
    const std::scoped_lock lock(free->mutex);
    if (free->planes.size() < kMostFree) free->planes.push_back(std::move(owned));
  };
  return {planes.release(), give_back};
}

}  // namespace videotx
