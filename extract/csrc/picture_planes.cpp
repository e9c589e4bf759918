#include "picture_planes.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <stdexcept>

#include "byte_scale.h"
#include "lanes.h"

namespace videotx {
namespace {

// Luma is taken apart into even and odd columns, each of which has the chroma samples side by side with it.
static_assert(std::endian::native == std::endian::little, "the first sample of a pair is its lower half");

// A row of chroma and the two rows of luma beside it, in and out. At the bottom edge both rows of luma may be one.
struct Rows {
  const std::uint8_t *cb, *cr;
  std::array<const std::uint8_t*, 2> luma;
  std::uint8_t *out_cb, *out_cr;
  std::array<std::uint8_t*, 2> out_luma;
};

VIDEOTX_INLINE FloatLanes chroma_at(const std::uint8_t* in, std::size_t size) {
  ByteLanes samples = {};
  std::memcpy(&samples, in, size);
  return __builtin_convertvector(widened(samples) - 128, FloatLanes);
}

VIDEOTX_INLINE void put_chroma(FloatLanes value, std::uint8_t* out, std::size_t size) {
  const ByteLanes samples = narrowed(rounded_to_byte(value + 128.0F));
  std::memcpy(out, &samples, size);
}

VIDEOTX_INLINE void put_luma(const std::uint8_t* in, float gain, FloatLanes shift, std::uint8_t* out, std::size_t size) {
  UnsignedShortLanes pairs = {};
  std::memcpy(&pairs, in, size);
  const Lanes words = __builtin_convertvector(pairs, Lanes);
  const Lanes even = rounded_to_byte(__builtin_convertvector(words & 0xFF, FloatLanes) * gain + shift);
  const Lanes odd = rounded_to_byte(__builtin_convertvector(words >> 8, FloatLanes) * gain + shift);
  pairs = __builtin_convertvector(even | odd << 8, UnsignedShortLanes);
  std::memcpy(out, &pairs, size);
}

// Eight samples of chroma from column `x` on, or as many of chroma and of luma as there are.
VIDEOTX_INLINE void convert_lanes(const Rows& rows, std::size_t x, const Matrix3& m, float black, std::size_t num_chroma,
                                  std::size_t num_luma) {
  const FloatLanes cb = chroma_at(rows.cb + x, num_chroma), cr = chroma_at(rows.cr + x, num_chroma);
  put_chroma(m[4] * cb + m[5] * cr, rows.out_cb + x, num_chroma);
  put_chroma(m[7] * cb + m[8] * cr, rows.out_cr + x, num_chroma);
  const FloatLanes shift = m[1] * cb + m[2] * cr - m[0] * black;
  for (std::size_t i = 0; i < 2; ++i) put_luma(rows.luma[i] + 2 * x, m[0], shift, rows.out_luma[i] + 2 * x, num_luma);
}

VIDEOTX_INLINE void convert_as_compiled(const std::array<BytePlane, 3>& planes, float black, const Matrix3& matrix,
                                        const std::array<std::span<std::uint8_t>, 3>& out) {
  const Matrix3 m = matrix;  // which no byte that is written could be part of
  const std::size_t width = planes[0].width, chroma_width = planes[1].width, whole = width / (2 * kLanes) * kLanes;
  for (std::size_t y = 0; y < planes[1].height; ++y) {
    const std::array<std::size_t, 2> pair = {2 * y, std::min(2 * y + 1, planes[0].height - 1)};
    const Rows rows = {&planes[1].samples[y * planes[1].stride],
                       &planes[2].samples[y * planes[2].stride],
                       {&planes[0].samples[pair[0] * planes[0].stride], &planes[0].samples[pair[1] * planes[0].stride]},
                       &out[1][y * chroma_width],
                       &out[2][y * chroma_width],
                       {&out[0][pair[0] * width], &out[0][pair[1] * width]}};
    for (std::size_t x = 0; x < whole; x += kLanes) convert_lanes(rows, x, m, black, kLanes, 2 * kLanes);
    if (whole < chroma_width) convert_lanes(rows, whole, m, black, chroma_width - whole, width - 2 * whole);
  }
}

using Convert = void (*)(const std::array<BytePlane, 3>&, float, const Matrix3&,
                         const std::array<std::span<std::uint8_t>, 3>&);

void convert_anywhere(const std::array<BytePlane, 3>& planes, float black, const Matrix3& matrix,
                      const std::array<std::span<std::uint8_t>, 3>& out) {
  convert_as_compiled(planes, black, matrix, out);
}

#if defined(__x86_64__)
// Without fused multiplication, so that the results are the same.
__attribute__((target("avx2"))) void convert_avx2(const std::array<BytePlane, 3>& planes, float black, const Matrix3& matrix,
                                                  const std::array<std::span<std::uint8_t>, 3>& out) {
  convert_as_compiled(planes, black, matrix, out);
}

Convert best_convert() { return __builtin_cpu_supports("avx2") ? convert_avx2 : convert_anywhere; }
#else
Convert best_convert() { return convert_anywhere; }
#endif

// What becomes of each value of a plane that no other one has a part in: as the lanes above have it.
std::array<std::uint8_t, 256> mapped_bytes(float gain, float zero, float offset) {
  std::array<std::uint8_t, 256> bytes;
  for (std::size_t first = 0; first < bytes.size(); first += kLanes) {
    FloatLanes values;
    for (std::size_t i = 0; i < kLanes; ++i) values[i] = static_cast<float>(first + i);
    const ByteLanes out = narrowed(rounded_to_byte((values - zero) * gain + offset));
    std::memcpy(&bytes[first], &out, sizeof out);
  }
  return bytes;
}

// For planes of which each is made of itself alone, as of streams whose matrix is JPEG's. Nothing: these are not such, or
// cannot be had of integers.
std::optional<std::array<ByteScale, 3>> find_scales(float black, const Matrix3& m) {
  constexpr float kNothing = 1e-6F;  // what a matrix has that was multiplied with its own inverse
  for (const std::size_t mixed : {1U, 2U, 5U, 7U}) {
    if (std::abs(m[mixed]) > kNothing) return std::nullopt;
  }
  const auto luma = ByteScale::find(m[0], mapped_bytes(m[0], black, 0.0F));
  const auto cb = ByteScale::find(m[4], mapped_bytes(m[4], 128.0F, 128.0F));
  const auto cr = ByteScale::find(m[8], mapped_bytes(m[8], 128.0F, 128.0F));
  if (!luma || !cb || !cr) return std::nullopt;
  return std::array{*luma, *cb, *cr};
}

// What was found for the last picture: all pictures of a video ask for the same.
struct FoundScales {
  float black;
  Matrix3 matrix;
  std::optional<std::array<ByteScale, 3>> scales;
};

const std::optional<std::array<ByteScale, 3>>& scales_for(float black, const Matrix3& matrix) {
  thread_local std::optional<FoundScales> last;
  if (!last || last->black != black || last->matrix != matrix) last = {black, matrix, find_scales(black, matrix)};
  return last->scales;
}

}  // namespace

void convert_picture(const std::array<BytePlane, 3>& planes, float black, const Matrix3& matrix,
                     const std::array<std::span<std::uint8_t>, 3>& out) {
  for (std::size_t i = 0; i < 3; ++i) {
    const BytePlane& plane = planes[i];
    const std::size_t step = i == 0 ? 1 : 2;
    const bool fits = plane.width == (planes[0].width + step - 1) / step && plane.width > 0 &&
                      plane.height == (planes[0].height + step - 1) / step && plane.height > 0 &&
                      plane.samples.size() == (plane.height - 1) * plane.stride + plane.width;
    if (!fits || out[i].size() != plane.width * plane.height) {
      throw std::invalid_argument("planes do not fit a 4:2:0 picture of one size");
    }
  }
  if (const auto& scales = scales_for(black, matrix)) {
    for (std::size_t i = 0; i < 3; ++i) {
      const BytePlane& plane = planes[i];
      (*scales)[i].apply(plane.samples.data(), plane.stride, plane.width, plane.height, out[i].data(), plane.width);
    }
    return;
  }
  static const Convert convert = best_convert();
  convert(planes, black, matrix, out);
}

}  // namespace videotx
