#include "jpeg_transform.h"

#include <array>
#include <cstring>

#include "jpeg_constants.h"
#include "jpeg_transform_avx2.h"

namespace videotx {
namespace {

int within_byte(int value) { return value < 0 ? 0 : (value > 255 ? 255 : value); }
std::uint8_t clamped(int value) { return static_cast<std::uint8_t>(within_byte(value)); }

int red_of(int cr) { return (kRedOfCr * cr + kColourHalf) >> 16; }
int green_of(int cb, int cr) { return (kColourHalf - kGreenOfCb * cb - kGreenOfCr * cr) >> 16; }
int blue_of(int cb) { return (kBlueOfCb * cb + kColourHalf) >> 16; }

// Sums wrap, so that damaged coefficients give wrong pixels and nothing else.
std::uint32_t times(std::uint32_t value, int factor) { return value * static_cast<std::uint32_t>(factor); }

// One pass over the columns of `s`; what becomes of column c is row c of `t`.
template <int kShift>
void transform(const std::array<std::uint32_t, 64>& s, std::array<std::uint32_t, 64>& t) {
  for (std::size_t c = 0; c < 8; ++c) {
    const auto at = [&](std::size_t row) { return s[8 * row + c]; };
    const std::uint32_t turn = times(at(2) + at(6), k0541);
    const std::uint32_t even2 = turn - times(at(6), k1847), even3 = turn + times(at(2), k0765);
    const std::uint32_t round = std::uint32_t{1} << (kShift - 1);
    const std::uint32_t even0 = ((at(0) + at(4)) << kCosineBits) + round, even1 = ((at(0) - at(4)) << kCosineBits) + round;
    const std::uint32_t a0 = even0 + even3, a3 = even0 - even3, a1 = even1 + even2, a2 = even1 - even2;
    const std::uint32_t both = times(at(7) + at(3) + at(5) + at(1), k1175);
    const std::uint32_t z1 = times(at(7) + at(1), k0899), z2 = times(at(5) + at(3), k2562);
    const std::uint32_t z3 = both - times(at(7) + at(3), k1961), z4 = both - times(at(5) + at(1), k0390);
    const std::uint32_t b0 = times(at(7), k0298) - z1 + z3, b1 = times(at(5), k2053) - z2 + z4;
    const std::uint32_t b2 = times(at(3), k3072) - z2 + z3, b3 = times(at(1), k1501) - z1 + z4;
    const std::array<std::uint32_t, 8> sums = {a0 + b3, a1 + b2, a2 + b1, a3 + b0, a3 - b0, a2 - b1, a1 - b2, a0 - b3};
    for (std::size_t i = 0; i < 8; ++i) {
      t[8 * c + i] = static_cast<std::uint32_t>(static_cast<std::int32_t>(sums[i]) >> kShift);
    }
  }
}

void inverse_dct(const Block& coefficients, const Block& quantisers, std::uint8_t* out, std::size_t stride) {
  std::array<std::uint32_t, 64> s, t;
  for (std::size_t row = 0; row < 8; ++row) {
    for (std::size_t column = 0; column < 8; ++column) {
      const std::size_t place = place_in_block(row, column);
      s[8 * row + column] = static_cast<std::uint32_t>(coefficients.values[place] * quantisers.values[place]);
    }
  }
  transform<kCosineBits - kFirstPassBits>(s, t);
  transform<kCosineBits + kFirstPassBits + 3>(t, s);
  for (std::size_t y = 0; y < 8; ++y) {
    for (std::size_t x = 0; x < 8; ++x) {
      out[y * stride + x] = clamped(static_cast<std::int32_t>(s[8 * y + x]) + 128);
    }
  }
}

void upsample(const std::uint16_t* __restrict sums, std::size_t count, std::uint8_t* __restrict out) {
  for (std::size_t i = 0; i < count; ++i) {
    const int own = 3 * sums[i + 1];
    out[2 * i] = static_cast<std::uint8_t>((own + sums[i] + 8) >> 4);
    out[2 * i + 1] = static_cast<std::uint8_t>((own + sums[i + 2] + 7) >> 4);
  }
}

void to_rgb(const std::uint8_t* __restrict y, const std::uint8_t* __restrict cb, const std::uint8_t* __restrict cr,
            std::size_t count, std::uint8_t* __restrict out) {
  for (std::size_t i = 0; i < count; ++i) {
    const int luma = y[i], blue = cb[i] - 128, red = cr[i] - 128;
    out[3 * i] = clamped(luma + red_of(red));
    out[3 * i + 1] = clamped(luma + green_of(blue, red));
    out[3 * i + 2] = clamped(luma + blue_of(blue));
  }
}

void sum_residual(const std::uint8_t* y, const std::uint8_t* cb, const std::uint8_t* cr, std::size_t stride,
                  std::size_t lines, ResidualColumns& out) {
  out = {};
  for (std::size_t line = 0; line < lines; ++line) {
    for (std::size_t x = 0; x < 8; ++x) {
      const std::size_t at = line * stride + x;
      const int luma = y[at], blue = cb[at] - 128, red = cr[at] - 128;
      const std::array<int, 3> rgb = {luma + red_of(red), luma + green_of(blue, red), luma + blue_of(blue)};
      for (std::size_t channel = 0; channel < 3; ++channel) {
        const int value = within_byte(rgb[channel]) - 128;
        out[x][channel] = static_cast<std::int16_t>(out[x][channel] + value);
        out[x][channel + 3] = static_cast<std::int16_t>(out[x][channel + 3] + (value < 0 ? -value : value));
      }
    }
  }
}

constexpr Transforms kPlain = {inverse_dct, upsample, to_rgb, sum_residual};

}  // namespace

const Transforms& plain_transforms() { return kPlain; }

const Transforms& best_transforms() {
#if defined(VIDEOTX_AVX2)
  static constexpr Transforms kAvx2 = {inverse_dct_avx2, upsample_avx2, to_rgb_avx2, sum_residual_avx2};
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  return has_avx2 ? kAvx2 : kPlain;
#else
  return kPlain;
#endif
}

}  // namespace videotx
