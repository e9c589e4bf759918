#include "resample.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "resample_avx2.h"

namespace videotx {
namespace {

std::uint8_t rounded(std::int32_t sum, int precision) {
  return static_cast<std::uint8_t>(std::clamp(sum >> precision, 0, 255));
}

void along(const std::uint8_t* row, const Axis& axis, std::uint8_t* out) {
  const std::int16_t* weight = axis.weights.data();
  for (std::size_t i = 0; i < static_cast<std::size_t>(axis.to); ++i) {
    const std::uint8_t* from = row + 3 * static_cast<std::size_t>(axis.first[i]);
    const std::int32_t half = 1 << (axis.precision - 1);
    std::int32_t red = half, green = half, blue = half;
    for (std::size_t tap = 0; tap < axis.taps; ++tap, ++weight, from += 3) {
      red += *weight * from[0];
      green += *weight * from[1];
      blue += *weight * from[2];
    }
    *out++ = rounded(red, axis.precision);
    *out++ = rounded(green, axis.precision);
    *out++ = rounded(blue, axis.precision);
  }
}

void down(const std::uint8_t* const* rows, const Axis& axis, std::size_t at, std::size_t count, std::uint8_t* out) {
  const std::int16_t* const weights = axis.weights.data() + at * axis.taps;
  for (std::size_t x = 0; x < count; x += kBytePiece) {
    std::array<std::int32_t, kBytePiece> sums;
    sums.fill(1 << (axis.precision - 1));
    for (std::size_t tap = 0; tap < axis.taps; ++tap) {
      for (std::size_t i = 0; i < kBytePiece; ++i) {
        sums[i] += weights[tap] * rows[tap][x + i];
      }
    }
    const std::size_t size = std::min(kBytePiece, count - x);
    for (std::size_t i = 0; i < size; ++i) {
      out[x + i] = rounded(sums[i], axis.precision);
    }
  }
}

constexpr Passes kPlain = {along, down};

// As many bits as leave the largest weight within 16 bits, its sign among them.
int precision_of(double largest) {
  constexpr int kMost = 22;
  int bits = 0;
  while (bits < kMost && static_cast<int>(0.5 + largest * (1 << (bits + 1))) < (1 << 15)) {
    ++bits;
  }
  return bits;
}

}  // namespace

// The triangle of a bilinear filter, as wide as the input's samples or, where there are more of these, the output's.
void Axis::set(int num_from, int num_to) {
  if (num_from == from && num_to == to) {
    return;
  }
  const double scale = static_cast<double>(num_from) / num_to;
  const double reach = std::max(scale, 1.0);
  const double inverse = scale >= 1.0 ? 1.0 / scale : 1.0;
  const auto count = static_cast<std::size_t>(num_to);
  const std::size_t padded = (count + kPixelPiece - 1) / kPixelPiece * kPixelPiece;
  first.assign(padded, 0);
  std::vector<std::size_t> sizes(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double centre = scale * (static_cast<double>(i) + 0.5);
    first[i] = std::max(static_cast<std::int32_t>(centre - reach + 0.5), 0);
    sizes[i] = static_cast<std::size_t>(std::min(static_cast<std::int32_t>(centre + reach + 0.5), num_from) - first[i]);
  }
  taps = (*std::max_element(sizes.begin(), sizes.end()) + 1) / 2 * 2;
  std::vector<double> exact(count * taps);
  double largest = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    const double centre = scale * (static_cast<double>(i) + 0.5);
    double* const own = exact.data() + i * taps;
    double total = 0.0;
    for (std::size_t tap = 0; tap < sizes[i]; ++tap) {
      const double away = static_cast<double>(tap) + static_cast<double>(first[i]) - centre + 0.5;
      own[tap] = std::max(1.0 - std::fabs(away * inverse), 0.0);
      total += own[tap];
    }
    for (std::size_t tap = 0; tap < sizes[i]; ++tap) {
      own[tap] /= total;
      largest = std::max(largest, own[tap]);
    }
  }
  precision = precision_of(largest);
  weights.assign(padded * taps, 0);
  std::transform(exact.begin(), exact.end(), weights.begin(), [&](double weight) {
    return static_cast<std::int16_t>(0.5 + weight * (1 << precision));
  });
  from = num_from;
  to = num_to;
}

const Passes& plain_passes() { return kPlain; }

const Passes& best_passes() {
#if defined(VIDEOTX_AVX2)
  static constexpr Passes kAvx2 = {along_avx2, down_avx2};
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  return has_avx2 ? kAvx2 : kPlain;
#else
  return kPlain;
#endif
}

void Resampler::begin(int height, int width, int out_height, int out_width, std::uint8_t* out) {
  x_.set(width, out_width);
  y_.set(height, out_height);
  row_.resize(3 * (static_cast<std::size_t>(width) + x_.taps) + kBytePiece);
  ring_stride_ = 3 * x_.first.size() + kBytePiece;
  ring_.resize(y_.taps * ring_stride_);
  sources_.resize(y_.taps);
  num_pushed_ = 0;
  num_done_ = 0;
  out_ = out;
}

void Resampler::push() {
  const auto place_of = [&](int row) { return ring_.data() + static_cast<std::size_t>(row) % y_.taps * ring_stride_; };
  passes_->along(row_.data(), x_, place_of(num_pushed_++));
  const std::size_t count = 3 * static_cast<std::size_t>(x_.to);
  const auto taps = static_cast<int>(y_.taps);
  for (; num_done_ < y_.to; ++num_done_, out_ += count) {
    const auto at = static_cast<std::size_t>(num_done_);
    const int first = y_.first[at];
    if (std::min(first + taps, y_.from) > num_pushed_) {
      return;
    }
    for (int tap = 0; tap < taps; ++tap) {
      sources_[static_cast<std::size_t>(tap)] = place_of(std::min(first + tap, y_.from - 1));
    }
    passes_->down(sources_.data(), y_, at, count, out_);
  }
}

}  // namespace videotx
