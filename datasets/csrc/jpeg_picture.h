// A part of a JPEG picture: blocks outside it are skipped, rows below it not even looked at.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "jpeg_header.h"
#include "jpeg_planes.h"
#include "jpeg_transform.h"

namespace videotx {

// Half-open ranges of pixels of a picture.
struct Region {
  int top = 0;
  int left = 0;
  int height = 0;
  int width = 0;
};

// Decodes one picture after another. Their tables are built once as long as their headers are the same bytes. Used by
// one thread at a time.
class JpegPicture {
 public:
  explicit JpegPicture(const Transforms& transforms = best_transforms()) : transforms_(&transforms) {}

  // Read the headers. The data must outlive the calls below. Throws JpegError.
  void open(std::span<const std::uint8_t> data);

  [[nodiscard]] int width() const { return header_.width; }
  [[nodiscard]] int height() const { return header_.height; }
  [[nodiscard]] bool halved() const { return header_.halved(); }

  // Decode the samples that a region needs; it must lie in the picture. Throws JpegError when the data end early.
  const Planes& read(const Region& region);

  // The region's rows are about to be asked for, all of which `read` has decoded. Throws JpegError where it has not.
  void show(const Region& region);

  // RGB (x, channel) of a row of that region, counted from its first.
  void rgb(int row, std::uint8_t* out);

 private:
  void unstuff(std::span<const std::uint8_t> scan);
  void prepare(const Region& region);
  void chroma_row(std::size_t component, int y, std::uint8_t* out);

  const Transforms* transforms_;
  std::vector<std::uint8_t> header_bytes_;
  JpegHeader header_;
  std::span<const std::uint8_t> scan_;
  std::vector<std::uint8_t> entropy_;  // the scan without stuffed bytes, and room to read beyond it
  std::size_t entropy_size_ = 0;
  Region known_;
  Region shown_;
  Planes planes_;
  std::vector<std::uint8_t> cb_, cr_;
  std::vector<std::uint16_t> sums_;
};

}  // namespace videotx
