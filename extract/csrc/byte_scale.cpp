#include "byte_scale.h"

#include <algorithm>

#include "lanes.h"

namespace videotx {
namespace {

constexpr int kFractionBits = 7;  // of a product of a byte and a factor

VIDEOTX_INLINE std::uint16_t product(std::uint8_t value, std::uint16_t factor) {
  const auto wide = static_cast<std::uint16_t>(value << 8);
  return static_cast<std::uint16_t>(std::uint32_t{wide} * factor >> 16);
}

using Apply = void (*)(const std::uint8_t*, std::size_t, std::uint8_t*, std::uint16_t, std::uint16_t);

VIDEOTX_INLINE void apply_as_compiled(const std::uint8_t* in, std::size_t width, std::uint8_t* __restrict out,
                                      std::uint16_t factor, std::uint16_t shift) {
  for (std::size_t x = 0; x < width; ++x) {
    const auto shifted = static_cast<std::uint16_t>(std::max(product(in[x], factor), shift) - shift);
    out[x] = static_cast<std::uint8_t>(std::min<std::uint16_t>(shifted >> kFractionBits, 255));
  }
}

void apply_anywhere(const std::uint8_t* in, std::size_t width, std::uint8_t* out, std::uint16_t factor, std::uint16_t shift) {
  apply_as_compiled(in, width, out, factor, shift);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) void apply_avx2(const std::uint8_t* in, std::size_t width, std::uint8_t* out,
                                                std::uint16_t factor, std::uint16_t shift) {
  apply_as_compiled(in, width, out, factor, shift);
}

Apply best_apply() { return __builtin_cpu_supports("avx2") ? apply_avx2 : apply_anywhere; }
#else
Apply best_apply() { return apply_anywhere; }
#endif

}  // namespace

std::optional<ByteScale> ByteScale::find(float gain, const std::array<std::uint8_t, 256>& wanted) {
  const float exact = gain * (1 << 15);
  if (!(exact >= 1.0F && exact < 65534.0F)) return std::nullopt;
  for (int factor = static_cast<int>(exact); factor < static_cast<int>(exact) + 3; ++factor) {
    // Every byte bounds the shift, but for those that are cut off on that side.
    int least = 0, most = 32767;
    for (int value = 0; value < 256; ++value) {
      const int scaled = product(static_cast<std::uint8_t>(value), static_cast<std::uint16_t>(factor));
      const int target = wanted[static_cast<std::size_t>(value)];
      if (target < 255) least = std::max(least, scaled - ((target + 1) << kFractionBits) + 1);
      if (target > 0) most = std::min(most, scaled - (target << kFractionBits));
    }
    if (least <= most) return ByteScale(static_cast<std::uint16_t>(factor), static_cast<std::uint16_t>(least));
  }
  return std::nullopt;
}

void ByteScale::apply(const std::uint8_t* in, std::size_t in_stride, std::size_t width, std::size_t height,
                      std::uint8_t* out, std::size_t out_stride) const {
  static const Apply apply_row = best_apply();
  for (std::size_t y = 0; y < height; ++y) {
    apply_row(in + y * in_stride, width, out + y * out_stride, factor_, shift_);
  }
}

}  // namespace videotx
