#include "h264/transform.h"

#include <algorithm>

namespace videotx::h264 {
namespace {

// Sound coefficients stay below 2^(8 + bit depth); bounding the others keeps every sum below inside 32 bits.
constexpr std::int64_t kLimit = 1 << 22;
std::int32_t bounded(std::int64_t value) { return static_cast<std::int32_t>(std::clamp(value, -kLimit, kLimit)); }

std::int32_t scaled(std::int32_t value, std::int32_t scale, std::int32_t rounding, int shift) {
  return bounded((std::int64_t{value} * scale + rounding) >> shift);
}

struct Four {
  std::int32_t a, b, c, d;
};

// One dimension of the 4x4 transform.
Four transform4(std::int32_t x0, std::int32_t x1, std::int32_t x2, std::int32_t x3) {
  const std::int32_t e = x0 + x2;
  const std::int32_t f = x0 - x2;
  const std::int32_t g = (x1 >> 1) - x3;
  const std::int32_t h = x1 + (x3 >> 1);
  return {e + h, f + g, f - g, e - h};
}

// One dimension of the 8x8 transform, in place, `step` apart (clause 8.5.13).
void transform8(std::int32_t* x, std::size_t step) {
  const std::int32_t a0 = x[0] + x[4 * step];
  const std::int32_t a2 = x[0] - x[4 * step];
  const std::int32_t a4 = (x[2 * step] >> 1) - x[6 * step];
  const std::int32_t a6 = x[2 * step] + (x[6 * step] >> 1);
  const std::int32_t b0 = a0 + a6;
  const std::int32_t b2 = a2 + a4;
  const std::int32_t b4 = a2 - a4;
  const std::int32_t b6 = a0 - a6;
  const std::int32_t a1 = x[5 * step] - x[3 * step] - x[7 * step] - (x[7 * step] >> 1);
  const std::int32_t a3 = x[step] + x[7 * step] - x[3 * step] - (x[3 * step] >> 1);
  const std::int32_t a5 = x[7 * step] - x[step] + x[5 * step] + (x[5 * step] >> 1);
  const std::int32_t a7 = x[3 * step] + x[5 * step] + x[step] + (x[step] >> 1);
  const std::int32_t b1 = a1 + (a7 >> 2);
  const std::int32_t b7 = a7 - (a1 >> 2);
  const std::int32_t b3 = a3 + (a5 >> 2);
  const std::int32_t b5 = (a3 >> 2) - a5;
  x[0] = b0 + b7;
  x[step] = b2 + b5;
  x[2 * step] = b4 + b3;
  x[3 * step] = b6 + b1;
  x[4 * step] = b6 - b1;
  x[5 * step] = b4 - b3;
  x[6 * step] = b2 - b5;
  x[7 * step] = b0 - b7;
}

std::int16_t rounded(std::int32_t value) { return static_cast<std::int16_t>((value + 32) >> 6); }

}  // namespace

void inverse_transform4x4(const Block4x4& c, std::int16_t* out, std::size_t stride) {
  std::int32_t rows[16];
  for (std::size_t i = 0; i < 16; i += 4) {
    const Four r = transform4(c[i], c[i + 1], c[i + 2], c[i + 3]);
    rows[i] = r.a;
    rows[i + 1] = r.b;
    rows[i + 2] = r.c;
    rows[i + 3] = r.d;
  }
  for (std::size_t j = 0; j < 4; ++j) {
    const Four r = transform4(rows[j], rows[j + 4], rows[j + 8], rows[j + 12]);
    out[j] = rounded(r.a);
    out[j + stride] = rounded(r.b);
    out[j + 2 * stride] = rounded(r.c);
    out[j + 3 * stride] = rounded(r.d);
  }
}

void inverse_transform8x8(const Block8x8& c, std::int16_t* out, std::size_t stride) {
  Block8x8 block = c;
  for (std::size_t i = 0; i < 8; ++i) transform8(block.data() + 8 * i, 1);
  for (std::size_t j = 0; j < 8; ++j) transform8(block.data() + j, 8);
  for (std::size_t i = 0; i < 8; ++i) {
    for (std::size_t j = 0; j < 8; ++j) out[i * stride + j] = rounded(block[8 * i + j]);
  }
}

void fill_dc(std::int32_t dc, std::size_t size, std::int16_t* out, std::size_t stride) {
  const std::int16_t value = rounded(dc);
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = 0; j < size; ++j) out[i * stride + j] = value;
  }
}

void copy_block(const std::int32_t* coefficients, std::size_t size, std::int16_t* out, std::size_t stride) {
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = 0; j < size; ++j) out[i * stride + j] = static_cast<std::int16_t>(coefficients[i * size + j]);
  }
}

void inverse_luma_dc(Block4x4& dc, std::int32_t scale) {
  const auto hadamard = [&dc](std::size_t first, std::size_t step) {
    const std::int32_t a = dc[first];
    const std::int32_t b = dc[first + step];
    const std::int32_t c = dc[first + 2 * step];
    const std::int32_t d = dc[first + 3 * step];
    dc[first] = a + b + c + d;
    dc[first + step] = a + b - c - d;
    dc[first + 2 * step] = a - b - c + d;
    dc[first + 3 * step] = a - b + c - d;
  };
  for (std::size_t i = 0; i < 4; ++i) hadamard(4 * i, 1);
  for (std::size_t i = 0; i < 4; ++i) hadamard(i, 4);
  for (std::int32_t& value : dc) value = scaled(value, scale, 32, 6);
}

void inverse_chroma_dc420(std::array<std::int32_t, 8>& dc, std::int32_t scale) {
  const auto [a, b, c, d] = std::array{dc[0], dc[1], dc[2], dc[3]};
  dc[0] = scaled(a + b + c + d, scale, 0, 5);
  dc[1] = scaled(a - b + c - d, scale, 0, 5);
  dc[2] = scaled(a + b - c - d, scale, 0, 5);
  dc[3] = scaled(a - b - c + d, scale, 0, 5);
}

void inverse_chroma_dc422(std::array<std::int32_t, 8>& dc, std::int32_t scale) {
  for (std::size_t j = 0; j < 2; ++j) {
    const auto [a, b, c, d] = std::array{dc[j], dc[2 + j], dc[4 + j], dc[6 + j]};
    dc[j] = a + b + c + d;
    dc[2 + j] = a + b - c - d;
    dc[4 + j] = a - b - c + d;
    dc[6 + j] = a - b + c - d;
  }
  for (std::size_t i = 0; i < 8; i += 2) {
    const std::int32_t sum = dc[i] + dc[i + 1];
    const std::int32_t difference = dc[i] - dc[i + 1];
    dc[i] = scaled(sum, scale, 32, 6);
    dc[i + 1] = scaled(difference, scale, 32, 6);
  }
}

}  // namespace videotx::h264
