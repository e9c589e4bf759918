#include "jpeg_transform_avx2.h"

#if defined(VIDEOTX_AVX2)
#include <immintrin.h>

#include <array>
#include <cstring>

#include "jpeg_constants.h"

namespace videotx {
namespace {

using Register = __m256i;

struct Lines {
  Register l0, l1, l2, l3, l4, l5, l6, l7;
};

// Lines k and k + 4, number by number.
struct Pairs {
  Register p0, p1, p2, p3;
};

VIDEOTX_INLINE_AVX2 Register load(const void* from) { return _mm256_loadu_si256(static_cast<const Register*>(from)); }

// The sum of the products of each pair of numbers with these two.
template <int kFirst, int kSecond>
VIDEOTX_INLINE_AVX2 Register product(Register pairs) {
  static_assert(kFirst >= -32768 && kFirst <= 32767 && kSecond >= -32768 && kSecond <= 32767);
  return _mm256_madd_epi16(pairs, _mm256_set1_epi32((kSecond << 16) | (kFirst & 0xFFFF)));
}

VIDEOTX_INLINE_AVX2 Register plus(Register a, Register b) { return _mm256_add_epi32(a, b); }
VIDEOTX_INLINE_AVX2 Register minus(Register a, Register b) { return _mm256_sub_epi32(a, b); }

// One pass over eight lines side by side. Whatever the algorithm adds up is a sum of products of one or two pairs, and all
// of it is exact. `kShift` bits are taken away, rounded, and `kAdded` put on.
template <int kShift, int kAdded>
VIDEOTX_INLINE_AVX2 Lines transform(const Pairs& s) {
  constexpr int kAll3 = k1175 - k1961, kAll4 = k1175 - k0390;  // shares of z3 and z4
  const Register round = _mm256_set1_epi32((1 << (kShift - 1)) + (kAdded << kShift));
  const Register even0 = plus(product<1 << kCosineBits, 1 << kCosineBits>(s.p0), round);
  const Register even1 = plus(product<1 << kCosineBits, -(1 << kCosineBits)>(s.p0), round);
  const Register even2 = product<k0541, k0541 - k1847>(s.p2), even3 = product<k0541 + k0765, k0541>(s.p2);
  const Register a0 = plus(even0, even3), a3 = minus(even0, even3);
  const Register a1 = plus(even1, even2), a2 = minus(even1, even2);
  // Lines 1 and 5, lines 3 and 7.
  const Register b0 = plus(product<k1175 - k0899, k1175>(s.p1), product<kAll3, k0298 - k0899 + kAll3>(s.p3));
  const Register b1 = plus(product<kAll4, k2053 - k2562 + kAll4>(s.p1), product<k1175 - k2562, k1175>(s.p3));
  const Register b2 = plus(product<k1175, k1175 - k2562>(s.p1), product<k3072 - k2562 + kAll3, kAll3>(s.p3));
  const Register b3 = plus(product<k1501 - k0899 + kAll4, kAll4>(s.p1), product<k1175, k1175 - k0899>(s.p3));
  return {_mm256_srai_epi32(plus(a0, b3), kShift),  _mm256_srai_epi32(plus(a1, b2), kShift),
          _mm256_srai_epi32(plus(a2, b1), kShift),  _mm256_srai_epi32(plus(a3, b0), kShift),
          _mm256_srai_epi32(minus(a3, b0), kShift), _mm256_srai_epi32(minus(a2, b1), kShift),
          _mm256_srai_epi32(minus(a1, b2), kShift), _mm256_srai_epi32(minus(a0, b3), kShift)};
}

// Lines become lanes: from line r with lanes c to pairs of lines c and c + 4 with lanes r.
VIDEOTX_INLINE_AVX2 Pairs exchange(const Lines& t) {
  // As shorts; those of the lanes 0 to 3 apart from those of the lanes 4 to 7.
  const Register u01 = _mm256_packs_epi32(t.l0, t.l1), u45 = _mm256_packs_epi32(t.l4, t.l5);
  const Register u23 = _mm256_packs_epi32(t.l2, t.l3), u67 = _mm256_packs_epi32(t.l6, t.l7);
  const Register left0 = _mm256_permute2x128_si256(u01, u45, 0x20), right0 = _mm256_permute2x128_si256(u01, u45, 0x31);
  const Register left2 = _mm256_permute2x128_si256(u23, u67, 0x20), right2 = _mm256_permute2x128_si256(u23, u67, 0x31);
  // Line r, and line r + 4 in the upper half, as pairs.
  const Register w0 = _mm256_unpacklo_epi16(left0, right0), w1 = _mm256_unpackhi_epi16(left0, right0);
  const Register w2 = _mm256_unpacklo_epi16(left2, right2), w3 = _mm256_unpackhi_epi16(left2, right2);
  const Register lo01 = _mm256_unpacklo_epi32(w0, w1), hi01 = _mm256_unpackhi_epi32(w0, w1);
  const Register lo23 = _mm256_unpacklo_epi32(w2, w3), hi23 = _mm256_unpackhi_epi32(w2, w3);
  return {_mm256_unpacklo_epi64(lo01, lo23), _mm256_unpackhi_epi64(lo01, lo23), _mm256_unpacklo_epi64(hi01, hi23),
          _mm256_unpackhi_epi64(hi01, hi23)};
}

// Four lines as bytes: lane r holds theirs, one after the other.
VIDEOTX_INLINE_AVX2 Register bytes_of(Register a, Register b, Register c, Register d) {
  const Register bytes = _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
  const __m128i order = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return _mm256_shuffle_epi8(bytes, _mm256_broadcastsi128_si256(order));
}

VIDEOTX_INLINE_AVX2 void store_two(__m128i rows, std::uint8_t* out, std::size_t stride) {
  _mm_storel_epi64(reinterpret_cast<__m128i*>(out), rows);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(out + stride), _mm_unpackhi_epi64(rows, rows));
}

// Chroma less 128, twice, so that `kScaledRed` and `kScaledBlue` over 2^15 round as BT.601 does.
constexpr short kScaledRed = 22971, kScaledBlue = 29033;

struct Halves {
  Register low, high;
};

VIDEOTX_INLINE_AVX2 Halves widened(const std::uint8_t* from) {
  const Register bytes = load(from), zero = _mm256_setzero_si256();
  return {_mm256_unpacklo_epi8(bytes, zero), _mm256_unpackhi_epi8(bytes, zero)};
}

VIDEOTX_INLINE_AVX2 Register doubled_chroma(Register wide) {
  return _mm256_sub_epi16(_mm256_slli_epi16(wide, 1), _mm256_set1_epi16(256));
}

VIDEOTX_INLINE_AVX2 Register green_of(Register blue, Register red) {
  const Register half = _mm256_set1_epi32(kColourHalf);
  const Register low = product<-kGreenOfCb / 2, -kGreenOfCr / 2>(_mm256_unpacklo_epi16(blue, red));
  const Register high = product<-kGreenOfCb / 2, -kGreenOfCr / 2>(_mm256_unpackhi_epi16(blue, red));
  return _mm256_packs_epi32(_mm256_srai_epi32(plus(low, half), 16), _mm256_srai_epi32(plus(high, half), 16));
}

// Three registers of bytes, each sixteen by themselves, taken to where -1 is not.
VIDEOTX_INLINE_AVX2 Register ordered(Register r, Register g, Register b, __m128i red, __m128i green, __m128i blue) {
  const Register from_r = _mm256_shuffle_epi8(r, _mm256_broadcastsi128_si256(red));
  const Register from_g = _mm256_shuffle_epi8(g, _mm256_broadcastsi128_si256(green));
  const Register from_b = _mm256_shuffle_epi8(b, _mm256_broadcastsi128_si256(blue));
  return _mm256_or_si256(_mm256_or_si256(from_r, from_g), from_b);
}

VIDEOTX_INLINE_AVX2 void store_halves(Register value, std::uint8_t* low, std::uint8_t* high) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(low), _mm256_castsi256_si128(value));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(high), _mm256_extracti128_si256(value, 1));
}

VIDEOTX_INLINE_AVX2 void store_pixels(Register r, Register g, Register b, std::uint8_t* out) {
  const Register first = ordered(r, g, b, _mm_setr_epi8(0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1, -1, 5),
                                 _mm_setr_epi8(-1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1, -1),
                                 _mm_setr_epi8(-1, -1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1));
  const Register second = ordered(r, g, b, _mm_setr_epi8(-1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1, 10, -1),
                                  _mm_setr_epi8(5, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1, 10),
                                  _mm_setr_epi8(-1, 5, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1));
  const Register third = ordered(r, g, b, _mm_setr_epi8(-1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15, -1, -1),
                                 _mm_setr_epi8(-1, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15, -1),
                                 _mm_setr_epi8(10, -1, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15));
  store_halves(first, out, out + 48);
  store_halves(second, out + 16, out + 64);
  store_halves(third, out + 32, out + 80);
}

VIDEOTX_INLINE_AVX2 void piece_to_rgb(const std::uint8_t* y, const std::uint8_t* cb, const std::uint8_t* cr,
                                      std::uint8_t* out) {
  const Halves luma = widened(y), wide_blue = widened(cb), wide_red = widened(cr);
  const Halves blue = {doubled_chroma(wide_blue.low), doubled_chroma(wide_blue.high)};
  const Halves red = {doubled_chroma(wide_red.low), doubled_chroma(wide_red.high)};
  const Register of_red = _mm256_set1_epi16(kScaledRed), of_blue = _mm256_set1_epi16(kScaledBlue);
  const Register r = _mm256_packus_epi16(_mm256_add_epi16(luma.low, _mm256_mulhrs_epi16(red.low, of_red)),
                                         _mm256_add_epi16(luma.high, _mm256_mulhrs_epi16(red.high, of_red)));
  const Register g = _mm256_packus_epi16(_mm256_add_epi16(luma.low, green_of(blue.low, red.low)),
                                         _mm256_add_epi16(luma.high, green_of(blue.high, red.high)));
  const Register b = _mm256_packus_epi16(_mm256_add_epi16(luma.low, _mm256_mulhrs_epi16(blue.low, of_blue)),
                                         _mm256_add_epi16(luma.high, _mm256_mulhrs_epi16(blue.high, of_blue)));
  store_pixels(r, g, b, out);
}

// A line of eight samples in either half, as shorts.
VIDEOTX_INLINE_AVX2 Register two_lines(const std::uint8_t* first, const std::uint8_t* second) {
  return _mm256_cvtepu8_epi16(_mm_unpacklo_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(first)),
                                                 _mm_loadl_epi64(reinterpret_cast<const __m128i*>(second))));
}

// Sums of what the lanes show of one channel, and of its magnitudes.
struct ChannelSums {
  Register values, magnitudes;
};

VIDEOTX_INLINE_AVX2 void add_lines(ChannelSums& sums, Register value, Register used) {
  const Register above = _mm256_max_epi16(value, _mm256_set1_epi16(-128));
  const Register within = _mm256_and_si256(_mm256_min_epi16(above, _mm256_set1_epi16(127)), used);
  sums.values = _mm256_add_epi16(sums.values, within);
  sums.magnitudes = _mm256_add_epi16(sums.magnitudes, _mm256_abs_epi16(within));
}

VIDEOTX_INLINE_AVX2 __m128i sum_of_halves(Register value) {
  return _mm_add_epi16(_mm256_castsi256_si128(value), _mm256_extracti128_si256(value, 1));
}

struct Rows {
  __m128i r0, r1, r2, r3, r4, r5;
};

// Rows of eight numbers become columns.
VIDEOTX_INLINE_AVX2 void store_columns(const Rows& r, ResidualColumns& out) {
  const __m128i none = _mm_setzero_si128();
  const auto store = [&](std::size_t column, __m128i four, __m128i two) VIDEOTX_AVX2 {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out[column].data()), _mm_unpacklo_epi64(four, two));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out[column + 1].data()), _mm_unpackhi_epi64(four, two));
  };
  const __m128i a = _mm_unpacklo_epi16(r.r0, r.r1), b = _mm_unpacklo_epi16(r.r2, r.r3), c = _mm_unpacklo_epi16(r.r4, r.r5);
  store(0, _mm_unpacklo_epi32(a, b), _mm_unpacklo_epi32(c, none));
  store(2, _mm_unpackhi_epi32(a, b), _mm_unpackhi_epi32(c, none));
  const __m128i d = _mm_unpackhi_epi16(r.r0, r.r1), e = _mm_unpackhi_epi16(r.r2, r.r3), f = _mm_unpackhi_epi16(r.r4, r.r5);
  store(4, _mm_unpacklo_epi32(d, e), _mm_unpacklo_epi32(f, none));
  store(6, _mm_unpackhi_epi32(d, e), _mm_unpackhi_epi32(f, none));
}

}  // namespace

// Columns first, then rows.
void inverse_dct_avx2(const Block& coefficients, const Block& quantisers, std::uint8_t* out, std::size_t stride) {
  const auto dequantised = [&](std::size_t i) VIDEOTX_AVX2 {
    return _mm256_mullo_epi16(load(&coefficients.values[16 * i]), load(&quantisers.values[16 * i]));
  };
  const Pairs columns = {dequantised(0), dequantised(1), dequantised(2), dequantised(3)};
  const Pairs rows = exchange(transform<kCosineBits - kFirstPassBits, 0>(columns));
  const Lines t = transform<kCosineBits + kFirstPassBits + 3, 128>(rows);
  const Register left = bytes_of(t.l0, t.l1, t.l2, t.l3), right = bytes_of(t.l4, t.l5, t.l6, t.l7);
  const Register rows01 = _mm256_unpacklo_epi32(left, right), rows23 = _mm256_unpackhi_epi32(left, right);
  store_two(_mm256_castsi256_si128(rows01), out, stride);
  store_two(_mm256_castsi256_si128(rows23), out + 2 * stride, stride);
  store_two(_mm256_extracti128_si256(rows01, 1), out + 4 * stride, stride);
  store_two(_mm256_extracti128_si256(rows23, 1), out + 6 * stride, stride);
}

void upsample_avx2(const std::uint16_t* sums, std::size_t count, std::uint8_t* out) {
  for (std::size_t i = 0; i < count; i += kRowPiece / 2) {
    const Register own = _mm256_mullo_epi16(load(sums + i + 1), _mm256_set1_epi16(3));
    const Register before = _mm256_add_epi16(_mm256_add_epi16(own, load(sums + i)), _mm256_set1_epi16(8));
    const Register behind = _mm256_add_epi16(_mm256_add_epi16(own, load(sums + i + 2)), _mm256_set1_epi16(7));
    const Register left = _mm256_srli_epi16(before, 4), right = _mm256_srli_epi16(behind, 4);
    _mm256_storeu_si256(reinterpret_cast<Register*>(out + 2 * i), _mm256_or_si256(left, _mm256_slli_epi16(right, 8)));
  }
}

void to_rgb_avx2(const std::uint8_t* y, const std::uint8_t* cb, const std::uint8_t* cr, std::size_t count,
                 std::uint8_t* out) {
  if (count < kRowPiece) {
    std::array<std::uint8_t, 3 * kRowPiece> piece;
    piece_to_rgb(y, cb, cr, piece.data());
    std::memcpy(out, piece.data(), 3 * count);
    return;
  }
  for (std::size_t i = 0; i + kRowPiece < count; i += kRowPiece) {
    piece_to_rgb(y + i, cb + i, cr + i, out + 3 * i);
  }
  const std::size_t last = count - kRowPiece;  // may be done already, in part
  piece_to_rgb(y + last, cb + last, cr + last, out + 3 * last);
}

void sum_residual_avx2(const std::uint8_t* y, const std::uint8_t* cb, const std::uint8_t* cr, std::size_t stride,
                       std::size_t lines, ResidualColumns& out) {
  const Register of_red = _mm256_set1_epi16(kScaledRed), of_blue = _mm256_set1_epi16(kScaledBlue);
  const Register all = _mm256_set1_epi16(-1), first_alone = _mm256_inserti128_si256(all, _mm_setzero_si128(), 1);
  const Register none = _mm256_setzero_si256();
  ChannelSums r = {none, none}, g = r, b = r;
  for (std::size_t line = 0; line < lines; line += 2) {
    const bool alone = line + 1 == lines;
    const std::size_t first = line * stride, second = alone ? first : first + stride;
    const Register luma = _mm256_sub_epi16(two_lines(y + first, y + second), _mm256_set1_epi16(128));
    const Register blue = doubled_chroma(two_lines(cb + first, cb + second));
    const Register red = doubled_chroma(two_lines(cr + first, cr + second));
    const Register used = alone ? first_alone : all;
    add_lines(r, _mm256_add_epi16(luma, _mm256_mulhrs_epi16(red, of_red)), used);
    add_lines(g, _mm256_add_epi16(luma, green_of(blue, red)), used);
    add_lines(b, _mm256_add_epi16(luma, _mm256_mulhrs_epi16(blue, of_blue)), used);
  }
  store_columns({sum_of_halves(r.values), sum_of_halves(g.values), sum_of_halves(b.values), sum_of_halves(r.magnitudes),
                 sum_of_halves(g.magnitudes), sum_of_halves(b.magnitudes)},
                out);
}

}  // namespace videotx
#endif
