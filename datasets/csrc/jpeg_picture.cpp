#include "jpeg_picture.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "clones.h"
#include "jpeg_bits.h"
#include "jpeg_transform.h"

namespace videotx {
namespace {

void check_inside(const Region& region, const Region& whole) {
  const int bottom = whole.top + whole.height;
  const int right = whole.left + whole.width;
  if (region.top < whole.top || region.left < whole.left || region.height < 1 || region.width < 1 ||
      region.height > bottom - region.top || region.width > right - region.left) {
    throw JpegError("expected a region inside " + std::to_string(whole.height) + " x " + std::to_string(whole.width));
  }
}

}  // namespace

void JpegPicture::open(std::span<const std::uint8_t> data) {
  const std::size_t begin = find_scan(data);
  const auto header = data.first(begin);
  if (!std::equal(header.begin(), header.end(), header_bytes_.begin(), header_bytes_.end())) {
    header_bytes_.clear();
    parse_header(header, header_);
    header_bytes_.assign(header.begin(), header.end());
  }
  scan_ = data.subspan(begin);
}

// T.81 B.1.1.5: in the scan a byte FF is followed by a stuffed 00; any other byte after it is a marker, the end.
void JpegPicture::unstuff(std::span<const std::uint8_t> scan) {
  entropy_.resize(scan.size() + kMostBlockBytes);
  const std::uint8_t* from = scan.data();
  const std::uint8_t* const end = from + scan.size();
  std::uint8_t* to = entropy_.data();
  while (from < end) {
    const auto* mark = static_cast<const std::uint8_t*>(std::memchr(from, 0xFF, static_cast<std::size_t>(end - from)));
    const auto plain = static_cast<std::size_t>((mark == nullptr ? end : mark) - from);
    std::memcpy(to, from, plain);
    to += plain;
    if (mark == nullptr || mark + 1 >= end || mark[1] != 0) {
      break;
    }
    *to++ = 0xFF;
    from = mark + 2;
  }
  entropy_size_ = static_cast<std::size_t>(to - entropy_.data());
  std::fill_n(to, kMostBlockBytes, std::uint8_t{0});
}

void JpegPicture::prepare(const Region& region) {
  const int mcu = header_.mcu();
  // Chroma of half size is interpolated from one sample further out.
  const int around = header_.halved() ? 2 : 0;
  const int bottom = std::min(region.top + region.height + around, header_.height);
  const int right = std::min(region.left + region.width + around, header_.width);
  planes_.first_row = std::max(region.top - around, 0) / mcu;
  planes_.first_column = std::max(region.left - around, 0) / mcu;
  planes_.num_rows = (bottom + mcu - 1) / mcu - planes_.first_row;
  planes_.num_columns = (right + mcu - 1) / mcu - planes_.first_column;
  const auto rows = static_cast<std::size_t>(planes_.num_rows);
  const auto columns = static_cast<std::size_t>(planes_.num_columns);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto size = static_cast<std::size_t>(8 * header_.components[i].blocks);
    planes_.stride[i] = columns * size;
    planes_.samples[i].resize(rows * size * planes_.stride[i]);
  }
  planes_.touched.assign(rows * columns, 0);
}

VIDEOTX_CLONES const Planes& JpegPicture::read(const Region& region) {
  check_inside(region, {0, 0, header_.height, header_.width});
  known_ = {};
  unstuff(scan_);
  prepare(region);
  const int columns = (header_.width + header_.mcu() - 1) / header_.mcu();
  const std::uint8_t* const end = entropy_.data() + entropy_size_;
  Bits bits{entropy_.data()};
  std::array<int, 3> level{};  // the last DC coefficient of each component
  alignas(32) std::array<std::int32_t, 64> block{};
  for (int row = 0; row < planes_.first_row + planes_.num_rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      const bool wanted = row >= planes_.first_row && column >= planes_.first_column &&
                          column < planes_.first_column + planes_.num_columns;
      const auto at_row = static_cast<std::size_t>(row - planes_.first_row);
      const auto at_column = static_cast<std::size_t>(column - planes_.first_column);
      bool touched = false;
      for (std::size_t i = 0; i < 3; ++i) {
        const JpegComponent& component = header_.components[i];
        const auto& quantiser = header_.quantisers[component.quantiser];
        const auto per_side = static_cast<std::size_t>(component.blocks);
        for (std::size_t b = 0; b < per_side * per_side; ++b) {
          if (bits.next > end + 8) {
            throw JpegError("the scan of a JPEG ends early, in row " + std::to_string(row) + " of blocks");
          }
          refill(bits);
          // Differences of damaged data may run away; pictures stay within 12 bits.
          level[i] = std::clamp(level[i] + take_step(bits, header_.dc[component.dc], false).value, -4096, 4095);
          if (!wanted) {
            (void)take_coefficients<false>(bits, header_.ac[component.ac], quantiser, nullptr);
            continue;
          }
          const std::size_t last = take_coefficients<true>(bits, header_.ac[component.ac], quantiser, block.data());
          const std::size_t stride = planes_.stride[i];
          std::uint8_t* out = planes_.samples[i].data() +
                              8 * ((at_row * per_side + b / per_side) * stride + at_column * per_side + b % per_side);
          touched |= last > 0 || level[i] != 0;
          if (last == 0) {
            const int flat = ((level[i] * quantiser[0] + 4) >> 3) + 128;
            for (std::size_t y = 0; y < 8; ++y) {
              std::memset(out + y * stride, std::clamp(flat, 0, 255), 8);
            }
            continue;
          }
          block[0] = level[i] * quantiser[0];
          inverse_dct(block.data(), out, stride);
          block.fill(0);
        }
      }
      if (wanted && touched) {
        planes_.touched[at_row * static_cast<std::size_t>(planes_.num_columns) + at_column] = 1;
      }
    }
  }
  known_ = region;
  return planes_;
}

// Chroma of half size at the pixels of one row of the region, plus one before where the region begins at an odd one.
void JpegPicture::chroma_row(int component, int y, const Region& region, std::uint8_t* out) {
  const auto slot = static_cast<std::size_t>(component);
  const int last_row = (header_.height + 1) / 2 - 1;
  const int last_column = (header_.width + 1) / 2 - 1;
  const int first = region.left / 2;
  const int count = (region.left + region.width + 1) / 2 - first;
  const int row = y / 2;
  if (last_column < 2) {  // libjpeg does not interpolate pictures that narrow
    const std::uint8_t* samples = planes_.samples[slot].data() +
                                  static_cast<std::size_t>(row - 8 * planes_.first_row) * planes_.stride[slot];
    for (int x = 0; x < 2 * count; ++x) {
      out[x] = samples[first + x / 2];
    }
    return;
  }
  const int other = std::clamp(y % 2 != 0 ? row + 1 : row - 1, 0, last_row);
  const auto fetch = [&](int from, std::vector<std::uint8_t>& into) {
    const std::uint8_t* samples = planes_.samples[slot].data() +
                                  static_cast<std::size_t>(from - 8 * planes_.first_row) * planes_.stride[slot];
    const int left = 8 * planes_.first_column;
    std::memcpy(into.data() + 1, samples + (first - left), static_cast<std::size_t>(count));
    into[0] = samples[std::max(first - 1, 0) - left];
    into[static_cast<std::size_t>(count) + 1] = samples[std::min(first + count, last_column) - left];
  };
  fetch(row, near_);
  fetch(other, far_);
  upsample_row(near_.data(), far_.data(), static_cast<std::size_t>(count), sums_.data(), out);
}

void JpegPicture::rgb(const Region& region, std::uint8_t* out) {
  check_inside(region, known_);
  const Planes& from = planes_;
  const auto width = static_cast<std::size_t>(region.width);
  const int mcu = header_.mcu();
  const auto left = static_cast<std::size_t>(region.left - mcu * from.first_column);
  for (auto* buffer : {&near_, &far_, &cb_, &cr_}) {
    buffer->resize(width + 4);
  }
  sums_.resize(width + 4);
  for (int y = region.top; y < region.top + region.height; ++y, out += 3 * width) {
    const auto row = static_cast<std::size_t>(y - mcu * from.first_row);
    const std::uint8_t* luma = from.samples[0].data() + row * from.stride[0] + left;
    if (!header_.halved()) {
      const std::size_t at = row * from.stride[1] + left;
      to_rgb(luma, from.samples[1].data() + at, from.samples[2].data() + at, width, out);
      continue;
    }
    chroma_row(1, y, region, cb_.data());
    chroma_row(2, y, region, cr_.data());
    const std::size_t odd = static_cast<std::size_t>(region.left % 2);
    to_rgb(luma, cb_.data() + odd, cr_.data() + odd, width, out);
  }
}

}  // namespace videotx
