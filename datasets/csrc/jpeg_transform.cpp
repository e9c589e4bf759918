#include "jpeg_transform.h"

#include <array>
#include <cstring>

#include "clones.h"

namespace videotx {
namespace {

// The rotations of Loeffler, Ligtenberg and Moschytz (1989) as cosines times 2^13, and what the first pass keeps of
// their fraction.
constexpr int kBits = 13;
constexpr int kFirstPass = 2;
constexpr std::uint32_t k0298 = 2446, k0390 = 3196, k0541 = 4433, k0765 = 6270, k0899 = 7373, k1175 = 9633,
                        k1501 = 12299, k1847 = 15137, k1961 = 16069, k2053 = 16819, k2562 = 20995, k3072 = 25172;

// BT.601 times 2^16.
constexpr int kRedOfCr = 91881, kBlueOfCb = 116130, kGreenOfCb = 22554, kGreenOfCr = 46802;
constexpr int kHalf = 1 << 15;

int within_byte(int value) { return value < 0 ? 0 : (value > 255 ? 255 : value); }
std::uint8_t clamped(int value) { return static_cast<std::uint8_t>(within_byte(value)); }

int red_of(int cr) { return (kRedOfCr * cr + kHalf) >> 16; }
int green_of(int cb, int cr) { return (kHalf - kGreenOfCb * cb - kGreenOfCr * cr) >> 16; }
int blue_of(int cb) { return (kBlueOfCb * cb + kHalf) >> 16; }

// Eight numbers side by side. Sums wrap, so that damaged coefficients give wrong pixels and nothing else.
using Lanes = std::uint32_t __attribute__((vector_size(32)));
using SignedLanes = std::int32_t __attribute__((vector_size(32)));

}  // namespace

// Columns first, then rows: each pass transforms eight lines side by side and then exchanges lines with lanes.
VIDEOTX_CLONES void inverse_dct(const std::int32_t* coefficients, std::uint8_t* out, std::size_t stride) {
  std::array<Lanes, 8> s;
  std::memcpy(s.data(), coefficients, sizeof(s));
  for (int shift : {kBits - kFirstPass, kBits + kFirstPass + 3}) {
    const std::uint32_t round = std::uint32_t{1} << (shift - 1);
    const Lanes turn = (s[2] + s[6]) * k0541;
    const Lanes even2 = turn - s[6] * k1847;
    const Lanes even3 = turn + s[2] * k0765;
    const Lanes even0 = ((s[0] + s[4]) << kBits) + round;
    const Lanes even1 = ((s[0] - s[4]) << kBits) + round;
    const Lanes a0 = even0 + even3, a3 = even0 - even3, a1 = even1 + even2, a2 = even1 - even2;
    const Lanes both = (s[7] + s[3] + s[5] + s[1]) * k1175;
    const Lanes z1 = (s[7] + s[1]) * k0899, z2 = (s[5] + s[3]) * k2562;
    const Lanes z3 = both - (s[7] + s[3]) * k1961, z4 = both - (s[5] + s[1]) * k0390;
    const Lanes b0 = s[7] * k0298 - z1 + z3, b1 = s[5] * k2053 - z2 + z4;
    const Lanes b2 = s[3] * k3072 - z2 + z3, b3 = s[1] * k1501 - z1 + z4;
    const SignedLanes t0 = reinterpret_cast<SignedLanes>(a0 + b3) >> shift, t7 = reinterpret_cast<SignedLanes>(a0 - b3) >> shift;
    const SignedLanes t1 = reinterpret_cast<SignedLanes>(a1 + b2) >> shift, t6 = reinterpret_cast<SignedLanes>(a1 - b2) >> shift;
    const SignedLanes t2 = reinterpret_cast<SignedLanes>(a2 + b1) >> shift, t5 = reinterpret_cast<SignedLanes>(a2 - b1) >> shift;
    const SignedLanes t3 = reinterpret_cast<SignedLanes>(a3 + b0) >> shift, t4 = reinterpret_cast<SignedLanes>(a3 - b0) >> shift;
    // Pairs of lines, then fours, then eights.
    const SignedLanes p0 = __builtin_shufflevector(t0, t1, 0, 8, 1, 9, 4, 12, 5, 13);
    const SignedLanes p1 = __builtin_shufflevector(t0, t1, 2, 10, 3, 11, 6, 14, 7, 15);
    const SignedLanes p2 = __builtin_shufflevector(t2, t3, 0, 8, 1, 9, 4, 12, 5, 13);
    const SignedLanes p3 = __builtin_shufflevector(t2, t3, 2, 10, 3, 11, 6, 14, 7, 15);
    const SignedLanes p4 = __builtin_shufflevector(t4, t5, 0, 8, 1, 9, 4, 12, 5, 13);
    const SignedLanes p5 = __builtin_shufflevector(t4, t5, 2, 10, 3, 11, 6, 14, 7, 15);
    const SignedLanes p6 = __builtin_shufflevector(t6, t7, 0, 8, 1, 9, 4, 12, 5, 13);
    const SignedLanes p7 = __builtin_shufflevector(t6, t7, 2, 10, 3, 11, 6, 14, 7, 15);
    const SignedLanes q0 = __builtin_shufflevector(p0, p2, 0, 1, 8, 9, 4, 5, 12, 13);
    const SignedLanes q1 = __builtin_shufflevector(p0, p2, 2, 3, 10, 11, 6, 7, 14, 15);
    const SignedLanes q2 = __builtin_shufflevector(p1, p3, 0, 1, 8, 9, 4, 5, 12, 13);
    const SignedLanes q3 = __builtin_shufflevector(p1, p3, 2, 3, 10, 11, 6, 7, 14, 15);
    const SignedLanes q4 = __builtin_shufflevector(p4, p6, 0, 1, 8, 9, 4, 5, 12, 13);
    const SignedLanes q5 = __builtin_shufflevector(p4, p6, 2, 3, 10, 11, 6, 7, 14, 15);
    const SignedLanes q6 = __builtin_shufflevector(p5, p7, 0, 1, 8, 9, 4, 5, 12, 13);
    const SignedLanes q7 = __builtin_shufflevector(p5, p7, 2, 3, 10, 11, 6, 7, 14, 15);
    s[0] = reinterpret_cast<Lanes>(__builtin_shufflevector(q0, q4, 0, 1, 2, 3, 8, 9, 10, 11));
    s[1] = reinterpret_cast<Lanes>(__builtin_shufflevector(q1, q5, 0, 1, 2, 3, 8, 9, 10, 11));
    s[2] = reinterpret_cast<Lanes>(__builtin_shufflevector(q2, q6, 0, 1, 2, 3, 8, 9, 10, 11));
    s[3] = reinterpret_cast<Lanes>(__builtin_shufflevector(q3, q7, 0, 1, 2, 3, 8, 9, 10, 11));
    s[4] = reinterpret_cast<Lanes>(__builtin_shufflevector(q0, q4, 4, 5, 6, 7, 12, 13, 14, 15));
    s[5] = reinterpret_cast<Lanes>(__builtin_shufflevector(q1, q5, 4, 5, 6, 7, 12, 13, 14, 15));
    s[6] = reinterpret_cast<Lanes>(__builtin_shufflevector(q2, q6, 4, 5, 6, 7, 12, 13, 14, 15));
    s[7] = reinterpret_cast<Lanes>(__builtin_shufflevector(q3, q7, 4, 5, 6, 7, 12, 13, 14, 15));
  }
  std::array<std::int32_t, 64> sums;
  std::memcpy(sums.data(), s.data(), sizeof(sums));
  std::array<std::uint8_t, 64> bytes;
  for (std::size_t i = 0; i < 64; ++i) {
    bytes[i] = clamped(sums[i] + 128);
  }
  for (std::size_t y = 0; y < 8; ++y) {
    std::memcpy(out + y * stride, bytes.data() + 8 * y, 8);
  }
}

VIDEOTX_CLONES void upsample_row(const std::uint8_t* __restrict near, const std::uint8_t* __restrict far,
                                 std::size_t count, std::uint16_t* __restrict sums, std::uint8_t* __restrict out) {
  for (std::size_t i = 0; i < count + 2; ++i) {
    sums[i] = static_cast<std::uint16_t>(3 * near[i] + far[i]);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const int own = 3 * sums[i + 1];
    out[2 * i] = static_cast<std::uint8_t>((own + sums[i] + 8) >> 4);
    out[2 * i + 1] = static_cast<std::uint8_t>((own + sums[i + 2] + 7) >> 4);
  }
}

VIDEOTX_CLONES void to_rgb(const std::uint8_t* __restrict y, const std::uint8_t* __restrict cb,
                           const std::uint8_t* __restrict cr, std::size_t count, std::uint8_t* __restrict out) {
  for (std::size_t i = 0; i < count; ++i) {
    const int luma = y[i], blue = cb[i] - 128, red = cr[i] - 128;
    out[3 * i] = clamped(luma + red_of(red));
    out[3 * i + 1] = clamped(luma + green_of(blue, red));
    out[3 * i + 2] = clamped(luma + blue_of(blue));
  }
}

VIDEOTX_CLONES void add_residual(const std::uint8_t* __restrict y, const std::uint8_t* __restrict cb,
                                 const std::uint8_t* __restrict cr, std::size_t stride, std::size_t lines,
                                 std::int32_t* __restrict sums) {
  constexpr std::size_t kChannel = 64;
  std::array<std::uint8_t, 3 * kChannel> planes;
  for (std::size_t line = 0; line < lines; ++line) {
    std::memcpy(planes.data() + 8 * line, y + line * stride, 8);
    std::memcpy(planes.data() + kChannel + 8 * line, cb + line * stride, 8);
    std::memcpy(planes.data() + 2 * kChannel + 8 * line, cr + line * stride, 8);
  }
  std::array<std::int16_t, 3 * kChannel> rgb;
  for (std::size_t i = 0; i < 8 * lines; ++i) {
    const int luma = planes[i], blue = planes[kChannel + i] - 128, red = planes[2 * kChannel + i] - 128;
    rgb[i] = static_cast<std::int16_t>(within_byte(luma + red_of(red)) - 128);
    rgb[kChannel + i] = static_cast<std::int16_t>(within_byte(luma + green_of(blue, red)) - 128);
    rgb[2 * kChannel + i] = static_cast<std::int16_t>(within_byte(luma + blue_of(blue)) - 128);
  }
  for (std::size_t channel = 0; channel < 3; ++channel) {
    std::array<std::int16_t, 8> signed_sum{};
    std::array<std::int16_t, 8> magnitude{};
    for (std::size_t line = 0; line < lines; ++line) {
      for (std::size_t x = 0; x < 8; ++x) {
        const std::int16_t value = rgb[channel * kChannel + 8 * line + x];
        signed_sum[x] = static_cast<std::int16_t>(signed_sum[x] + value);
        magnitude[x] = static_cast<std::int16_t>(magnitude[x] + (value < 0 ? -value : value));
      }
    }
    for (std::size_t x = 0; x < 8; ++x) {
      sums[8 * channel + x] += signed_sum[x];
      sums[8 * (channel + 3) + x] += magnitude[x];
    }
  }
}

}  // namespace videotx
