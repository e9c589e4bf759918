// Reads bits, Exp-Golomb codes and their position from an RBSP (clauses 7.2 and 9.1).
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "h264/errors.h"

namespace videotx::h264 {

// Bytes that must follow the data so that a 64-bit load at its very end stays inside the allocation.
inline constexpr std::size_t kPadding = 16;

inline std::uint64_t load_big_endian64(const std::uint8_t* p) {
  std::uint64_t v;
  std::memcpy(&v, p, sizeof v);
  if constexpr (std::endian::native == std::endian::little) v = __builtin_bswap64(v);
  return v;
}

// Beyond the end it reads zeros; `overrun()` tells. `data` is followed by kPadding readable zero bytes.
class BitReader {
 public:
  BitReader() = default;
  BitReader(const std::uint8_t* data, std::size_t num_bytes, std::size_t num_bits)
      : data_(data), num_bytes_(num_bytes), num_bits_(num_bits) {}

  [[nodiscard]] std::uint32_t peek32() const {
    const std::size_t byte = std::min(position_ >> 3, num_bytes_);
    return static_cast<std::uint32_t>((load_big_endian64(data_ + byte) << (position_ & 7)) >> 32);
  }
  [[nodiscard]] std::uint32_t peek(unsigned n) const { return peek32() >> (32 - n); }  // 1 <= n <= 32
  void skip(std::size_t n) { position_ += n; }

  std::uint32_t read(unsigned n) {  // 0 <= n <= 32
    if (n == 0) return 0;
    const std::uint32_t v = peek(n);
    skip(n);
    return v;
  }
  bool flag() { return read(1) != 0; }

  std::uint32_t ue() {
    const std::uint32_t bits = peek32();
    const auto zeros = static_cast<unsigned>(std::countl_zero(bits));
    if (zeros < 16) {
      skip(2 * zeros + 1);
      return (bits >> (31 - 2 * zeros)) - 1;
    }
    if (zeros >= 32) throw DamagedData("Exp-Golomb code of more than 32 bits");
    skip(zeros);
    const std::uint32_t value = read(zeros + 1) - 1;
    check();
    return value;
  }
  std::int32_t se() {
    const std::uint32_t k = ue();
    const auto magnitude = static_cast<std::int32_t>((k >> 1) + (k & 1));
    return (k & 1) != 0 ? magnitude : -magnitude;
  }
  // ue(v) with a bound that the standard sets; beyond it the data are damaged.
  std::uint32_t ue_at_most(std::uint32_t maximum, const char* what) {
    const std::uint32_t v = ue();
    if (v > maximum) throw DamagedData(what);
    return v;
  }

  // Bits are counted up to, and without, rbsp_stop_one_bit.
  [[nodiscard]] bool more_rbsp_data() const { return position_ < num_bits_; }
  [[nodiscard]] bool overrun() const { return position_ > num_bits_; }
  void check() const {
    if (overrun()) throw DamagedData("read past the end of a NAL unit");
  }
  [[nodiscard]] std::size_t position() const { return position_; }
  [[nodiscard]] std::size_t num_bits() const { return num_bits_; }
  [[nodiscard]] std::size_t num_bytes() const { return num_bytes_; }
  [[nodiscard]] const std::uint8_t* data() const { return data_; }
  void align() { position_ = (position_ + 7) & ~std::size_t{7}; }

 private:
  const std::uint8_t* data_ = nullptr;
  std::size_t num_bytes_ = 0;
  std::size_t num_bits_ = 0;
  std::size_t position_ = 0;
};

}  // namespace videotx::h264
