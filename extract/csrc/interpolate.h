// Sub-sample interpolation of one block, as the standards prescribe it. Samples are ints whatever their depth.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace videotx {

inline constexpr int kMaxBlock = 16;
inline constexpr int kMaxWindow = kMaxBlock + 5;

// A square-ish patch of a reference plane; row r of it begins at samples[r * kMaxWindow].
using Window = std::array<int, static_cast<std::size_t>(kMaxWindow * kMaxWindow)>;

// A predicted block; row r of it begins at samples[r * kMaxBlock].
using Block = std::array<int, static_cast<std::size_t>(kMaxBlock * kMaxBlock)>;

// A plane of 8-bit or wider samples. Reading outside repeats the nearest edge sample.
struct Plane {
  const std::uint8_t* bytes = nullptr;  // owned by the caller for as long as the plane is used
  int width = 0;
  int height = 0;
  std::ptrdiff_t row_bytes = 0;
  bool wide = false;  // two bytes a sample

  int at(int x, int y) const;
  // Copies `columns` x `rows` samples whose top left one is at (x, y).
  void fetch(int x, int y, int columns, int rows, Window& out) const;
};

// H.264 clause 8.4.2.2.1. (x, y) is the block's position in the reference in quarter samples.
void predict_h264_luma(const Plane& plane, int x_qpel, int y_qpel, int columns, int rows, int max_sample, Block& out);

// H.264 clause 8.4.2.2.2. (x, y) is the position in eighths of a chroma sample.
void predict_h264_chroma(const Plane& plane, int x_eighths, int y_eighths, int columns, int rows, Block& out);

// ISO/IEC 14496-2 clause 7.6.2.1: half samples, rounding controlled by vop_rounding_type.
void predict_mpeg4_half(const Plane& plane, int x_half, int y_half, int columns, int rows, int rounding, Block& out);

// ISO/IEC 14496-2 clause 7.6.2.2: quarter samples of a square block, whose border the 8-tap filter mirrors.
void predict_mpeg4_quarter(const Plane& plane, int x_qpel, int y_qpel, int size, int rounding, Block& out);

}  // namespace videotx
