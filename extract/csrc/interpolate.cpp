#include "interpolate.h"

#include <cstring>

namespace videotx {
namespace {

std::size_t at_window(int row, int column) { return static_cast<std::size_t>(row * kMaxWindow + column); }
std::size_t at_block(int row, int column) { return static_cast<std::size_t>(row * kMaxBlock + column); }

// The H.264 luma filter (1, -5, 20, 20, -5, 1) between samples[2 * step] and samples[3 * step].
int six_tap(const int* samples, int step) {
  return samples[0] - 5 * samples[step] + 20 * samples[2 * step] + 20 * samples[3 * step] - 5 * samples[4 * step] +
         samples[5 * step];
}

// Half-sample planes of H.264: `b` between horizontal neighbours, `h` between vertical ones, `j` in the middle.
class HalfSamples {
 public:
  HalfSamples(const Window& window, int columns, int rows, int max_sample)
      : window_(window), columns_(columns), rows_(rows), max_(max_sample) {}

  int full(int row, int column) const { return window_[at_window(row + 2, column + 2)]; }
  int b(int row, int column) const { return clip((six_tap(&window_[at_window(row + 2, column)], 1) + 16) >> 5); }
  int h(int row, int column) const {
    return clip((six_tap(&window_[at_window(row, column + 2)], kMaxWindow) + 16) >> 5);
  }
  int j(int row, int column) const {
    return clip((six_tap(&horizontal_[at_window(row, column)], kMaxWindow) + 512) >> 10);
  }

  // Must precede j(): its filter runs over unrounded horizontal sums.
  void prepare_middle() {
    for (int row = 0; row < rows_ + 5; ++row) {
      for (int column = 0; column < columns_; ++column) {
        horizontal_[at_window(row, column)] = six_tap(&window_[at_window(row, column)], 1);
      }
    }
  }

 private:
  int clip(int value) const { return std::clamp(value, 0, max_); }

  const Window& window_;
  int columns_, rows_, max_;
  Window horizontal_;
};

int mean(int a, int b) { return (a + b + 1) >> 1; }

// One sample at quarter position (dx, dy), both 0..3 (H.264 table 8-12).
int h264_quarter(const HalfSamples& s, int dx, int dy, int row, int column) {
  switch (dy * 4 + dx) {
    case 0: return s.full(row, column);
    case 1: return mean(s.full(row, column), s.b(row, column));
    case 2: return s.b(row, column);
    case 3: return mean(s.b(row, column), s.full(row, column + 1));
    case 4: return mean(s.full(row, column), s.h(row, column));
    case 5: return mean(s.b(row, column), s.h(row, column));
    case 6: return mean(s.b(row, column), s.j(row, column));
    case 7: return mean(s.b(row, column), s.h(row, column + 1));
    case 8: return s.h(row, column);
    case 9: return mean(s.h(row, column), s.j(row, column));
    case 10: return s.j(row, column);
    case 11: return mean(s.j(row, column), s.h(row, column + 1));
    case 12: return mean(s.h(row, column), s.full(row + 1, column));
    case 13: return mean(s.h(row, column), s.b(row + 1, column));
    case 14: return mean(s.j(row, column), s.b(row + 1, column));
    default: return mean(s.h(row, column + 1), s.b(row + 1, column));
  }
}

// MPEG-4's half sample between position and position + 1 of a line of `size` + 1 samples, `step` apart. Taps that fall
// outside the line mirror at its ends (ISO/IEC 14496-2 figure 7-32).
int eight_tap(const int* line, int step, int position, int size, int rounding) {
  constexpr std::array<int, 4> kTaps = {20, -6, 3, -1};
  int sum = 0;
  for (int tap = 0; tap < 4; ++tap) {
    int left = position - tap;
    int right = position + 1 + tap;
    if (left < 0) left = -1 - left;
    if (right > size) right = 2 * size + 1 - right;
    sum += kTaps[static_cast<std::size_t>(tap)] * (line[left * step] + line[right * step]);
  }
  return std::clamp((sum + 16 - rounding) >> 5, 0, 255);
}

// Moves a line to quarter position `fraction`; `out` may not overlap `line`.
void quarter_line(const int* line, int step, int fraction, int size, int rounding, int* out, int out_step) {
  for (int i = 0; i < size; ++i) {
    int value = line[i * step];
    if (fraction != 0) {
      const int half = eight_tap(line, step, i, size, rounding);
      if (fraction == 1) value = (value + half + 1 - rounding) >> 1;
      if (fraction == 2) value = half;
      if (fraction == 3) value = (line[(i + 1) * step] + half + 1 - rounding) >> 1;
    }
    out[i * out_step] = value;
  }
}

}  // namespace

int Plane::at(int x, int y) const {
  const std::ptrdiff_t column = std::clamp(x, 0, width - 1);
  const std::ptrdiff_t row = std::clamp(y, 0, height - 1);
  const std::uint8_t* const line = bytes + row * row_bytes;
  if (!wide) return line[column];
  std::uint16_t sample;
  std::memcpy(&sample, line + 2 * column, sizeof sample);
  return sample;
}

void Plane::fetch(int x, int y, int columns, int rows, Window& out) const {
  const bool inside = x >= 0 && y >= 0 && x + columns <= width && y + rows <= height;
  for (int row = 0; row < rows; ++row) {
    int* const line = &out[at_window(row, 0)];
    if (inside && !wide) {
      const std::uint8_t* const from = bytes + static_cast<std::ptrdiff_t>(y + row) * row_bytes + x;
      std::copy(from, from + columns, line);
    } else {
      for (int column = 0; column < columns; ++column) line[column] = at(x + column, y + row);
    }
  }
}

void predict_h264_luma(const Plane& plane, int x_qpel, int y_qpel, int columns, int rows, int max_sample, Block& out) {
  const int dx = x_qpel & 3;
  const int dy = y_qpel & 3;
  Window window;
  plane.fetch((x_qpel >> 2) - 2, (y_qpel >> 2) - 2, columns + 5, rows + 5, window);
  HalfSamples samples(window, columns, rows, max_sample);
  if ((dx == 2 && dy != 0) || (dy == 2 && dx != 0)) samples.prepare_middle();
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      out[at_block(row, column)] = h264_quarter(samples, dx, dy, row, column);
    }
  }
}

void predict_h264_chroma(const Plane& plane, int x_eighths, int y_eighths, int columns, int rows, Block& out) {
  const int dx = x_eighths & 7;
  const int dy = y_eighths & 7;
  Window window;
  plane.fetch(x_eighths >> 3, y_eighths >> 3, columns + 1, rows + 1, window);
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      const int top = (8 - dx) * window[at_window(row, column)] + dx * window[at_window(row, column + 1)];
      const int bottom = (8 - dx) * window[at_window(row + 1, column)] + dx * window[at_window(row + 1, column + 1)];
      out[at_block(row, column)] = ((8 - dy) * top + dy * bottom + 32) >> 6;
    }
  }
}

void predict_mpeg4_half(const Plane& plane, int x_half, int y_half, int columns, int rows, int rounding, Block& out) {
  const int dx = x_half & 1;
  const int dy = y_half & 1;
  Window window;
  plane.fetch(x_half >> 1, y_half >> 1, columns + 1, rows + 1, window);
  const int shift = dx + dy;
  const int bias = shift == 0 ? 0 : (1 << (shift - 1)) - rounding;
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      int sum = window[at_window(row, column)];
      if (dx != 0) sum += window[at_window(row, column + 1)];
      if (dy != 0) sum += window[at_window(row + 1, column)];
      if (dx != 0 && dy != 0) sum += window[at_window(row + 1, column + 1)];
      out[at_block(row, column)] = (sum + bias) >> shift;
    }
  }
}

void predict_mpeg4_quarter(const Plane& plane, int x_qpel, int y_qpel, int size, int rounding, Block& out) {
  Window window;
  plane.fetch(x_qpel >> 2, y_qpel >> 2, size + 1, size + 1, window);
  Window moved;  // horizontally, for one more row than the block has
  for (int row = 0; row <= size; ++row) {
    quarter_line(&window[at_window(row, 0)], 1, x_qpel & 3, size, rounding, &moved[at_window(row, 0)], 1);
  }
  for (int column = 0; column < size; ++column) {
    quarter_line(&moved[at_window(0, column)], kMaxWindow, y_qpel & 3, size, rounding, &out[at_block(0, column)],
                 kMaxBlock);
  }
}

}  // namespace videotx
