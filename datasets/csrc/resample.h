// Pictures of another size, as torch's antialiased bilinear `interpolate` makes them of bytes, bit for bit: weights of 16
// bits, first along the rows, rounded to bytes, then along the columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace videotx {

// Rows are worked on in pieces of so many bytes, or so many pixels, and so much is read or written beyond their ends.
inline constexpr std::size_t kBytePiece = 32;
inline constexpr std::size_t kPixelPiece = 8;

// Where the samples of one axis come from: sample i of the output is the sum of `taps` samples of the input from first[i]
// on, times weights[i * taps], ..., over 2^precision. Of those that lie beyond the end the weight is 0.
struct Axis {
  int from = 0;
  int to = 0;
  std::size_t taps = 0;  // even
  int precision = 0;
  std::vector<std::int32_t> first;    // filled up with 0 to a whole number of pieces, as the weights are
  std::vector<std::int16_t> weights;

  // From `from` samples to `to`, both at least 1.
  void set(int from, int to);
};

// One pass along a row of RGB and one down the columns.
struct Passes {
  // A row of RGB at the length that the axis says, in whole pieces, into `out`. `row` may be read 3 * taps + kBytePiece
  // bytes beyond its end.
  void (*along)(const std::uint8_t* row, const Axis& axis, std::uint8_t* out);

  // Row `at` of the output, `count` bytes and none beyond, from as many rows as there are taps, which may be read a piece
  // beyond their ends.
  void (*down)(const std::uint8_t* const* rows, const Axis& axis, std::size_t at, std::size_t count, std::uint8_t* out);
};

// As this processor does it best.
const Passes& best_passes();

// The same without the instructions that not every processor has.
const Passes& plain_passes();

// Takes a picture row by row and writes another one, of which a row is finished as soon as its last source has come. Keeps
// its tables and buffers from picture to picture. Used by one thread at a time.
class Resampler {
 public:
  explicit Resampler(const Passes& passes = best_passes()) : passes_(&passes) {}

  // The next picture has `height` x `width` pixels; `out_height` x `out_width`, all at least 1, go to `out`.
  void begin(int height, int width, int out_height, int out_width, std::uint8_t* out);

  // Where the next row of the input goes, RGB (x, channel).
  [[nodiscard]] std::uint8_t* row() { return row_.data(); }

  // That row is there. To be called `height` times.
  void push();

 private:
  const Passes* passes_;
  Axis x_;
  Axis y_;
  std::vector<std::uint8_t> row_;
  std::vector<std::uint8_t> ring_;  // the last rows after their pass along x, as many as there are taps
  std::size_t ring_stride_ = 0;
  std::vector<const std::uint8_t*> sources_;
  int num_pushed_ = 0;
  int num_done_ = 0;
  std::uint8_t* out_ = nullptr;
};

}  // namespace videotx
