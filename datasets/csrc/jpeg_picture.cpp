#include "jpeg_picture.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "clones.h"
#include "jpeg_bits.h"
#include "jpeg_scan.h"

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
    planes_.samples[i].resize(rows * size * planes_.stride[i] + kRowPiece);
  }
  planes_.touched.assign(rows * columns, 0);
}

VIDEOTX_CLONES const Planes& JpegPicture::read(const Region& region) {
  check_inside(region, {0, 0, header_.height, header_.width});
  known_ = {};
  unstuff(scan_);
  prepare(region);
  const int columns = (header_.width + header_.mcu() - 1) / header_.mcu();
  const int before = planes_.first_column;
  const int behind = columns - before - planes_.num_columns;
  const auto num_columns = static_cast<std::size_t>(planes_.num_columns);
  ScanReader scan(header_, *transforms_, {entropy_.data(), entropy_size_}, planes_);
  std::uint8_t* touched = planes_.touched.data();
  scan.skip(planes_.first_row * columns);
  for (int row = 0; row < planes_.num_rows; ++row) {
    scan.skip(before);
    for (std::size_t column = 0; column < num_columns; ++column) {
      *touched++ = scan.decode(column) ? 1 : 0;
    }
    if (row + 1 < planes_.num_rows) {
      scan.skip(behind);
      scan.next_row();
    }
  }
  known_ = region;
  return planes_;
}

// Chroma of half size at the pixels of one row of the region, plus one before where the region begins at an odd one.
void JpegPicture::chroma_row(std::size_t component, int y, std::uint8_t* out) {
  const int last_row = (header_.height + 1) / 2 - 1;
  const int last_column = (header_.width + 1) / 2 - 1;
  const int first = shown_.left / 2 - 8 * planes_.first_column;  // in the plane, as what follows
  const int count = (shown_.left + shown_.width + 1) / 2 - shown_.left / 2;
  const int last = last_column - 8 * planes_.first_column;
  const auto samples_of = [&](int row) {
    return planes_.samples[component].data() +
           static_cast<std::size_t>(row - 8 * planes_.first_row) * planes_.stride[component];
  };
  const std::uint8_t* const near = samples_of(y / 2);
  if (last_column < 2) {  // libjpeg does not interpolate pictures that narrow
    for (int x = 0; x < 2 * count; ++x) {
      out[x] = near[first + x / 2];
    }
    return;
  }
  const std::uint8_t* const far = samples_of(std::clamp(y % 2 != 0 ? y / 2 + 1 : y / 2 - 1, 0, last_row));
  const auto sum_at = [&](int x) { return static_cast<std::uint16_t>(3 * near[x] + far[x]); };
  std::uint16_t* const sums = sums_.data() + 1;
  sums[-1] = sum_at(std::max(first - 1, -8 * planes_.first_column));
  for (int x = 0; x < count; ++x) {
    sums[x] = sum_at(first + x);
  }
  sums[count] = sum_at(std::min(first + count, last));
  transforms_->upsample(sums_.data(), static_cast<std::size_t>(count), out);
}

void JpegPicture::show(const Region& region) {
  check_inside(region, known_);
  shown_ = region;
  const auto width = static_cast<std::size_t>(region.width);
  cb_.resize(width + 4 + kRowPiece);
  cr_.resize(width + 4 + kRowPiece);
  sums_.resize(width / 2 + 4 + kRowPiece);
}

void JpegPicture::rgb(int row, std::uint8_t* out) {
  const Planes& from = planes_;
  const int y = shown_.top + row;
  const auto width = static_cast<std::size_t>(shown_.width);
  const int mcu = header_.mcu();
  const auto left = static_cast<std::size_t>(shown_.left - mcu * from.first_column);
  const auto in_planes = static_cast<std::size_t>(y - mcu * from.first_row);
  const std::uint8_t* const luma = from.samples[0].data() + in_planes * from.stride[0] + left;
  if (!header_.halved()) {
    const std::size_t at = in_planes * from.stride[1] + left;
    transforms_->to_rgb(luma, from.samples[1].data() + at, from.samples[2].data() + at, width, out);
    return;
  }
  chroma_row(1, y, cb_.data());
  chroma_row(2, y, cr_.data());
  const auto odd = static_cast<std::size_t>(shown_.left % 2);
  transforms_->to_rgb(luma, cb_.data() + odd, cr_.data() + odd, width, out);
}

}  // namespace videotx
