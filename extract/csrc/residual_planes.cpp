#include "residual_planes.h"

#include <algorithm>
#include <utility>

namespace videotx {
namespace {

// The usual width is one that the compiler knows, for which it writes no loop.
void clear_block(std::int16_t* row, std::size_t stride, std::size_t width, std::size_t height) {
  for (std::size_t y = 0; y < height; ++y, row += stride) {
    if (width == 16) {
      std::fill_n(row, 16, std::int16_t{0});
    } else {
      std::fill_n(row, 8, std::int16_t{0});
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
  const std::size_t columns = layout.macroblock_columns;
  const auto clear_plane = [&](std::vector<std::int16_t>& plane, std::size_t number, std::size_t width, std::size_t height) {
    const std::size_t stride = columns * width;
    clear_block(&plane[number / columns * height * stride + number % columns * width], stride, width, height);
  };
  for (std::size_t number = 0; number < written.size(); ++number) {
    const std::uint8_t planes = std::exchange(written[number], 0);
    if ((planes & kLuma) != 0) clear_plane(y, number, 16, 16);
    if ((planes & kChroma) == 0) continue;
    clear_plane(cb, number, layout.chroma_width, layout.chroma_height);
    clear_plane(cr, number, layout.chroma_width, layout.chroma_height);
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
