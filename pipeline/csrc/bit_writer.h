// The entropy-coded part of a JPEG, most significant bit first.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace videotx {

// Writes bits without a branch: eight bytes at a time, of which whole ones are kept. Small enough to live in registers,
// as long as everything that takes it is inlined.
class BitWriter {
 public:
  // Bytes that must lie ahead to write `num_bits` more.
  static constexpr std::size_t room(std::size_t num_bits) { return num_bits / 8 + 2 * sizeof(std::uint64_t); }

  // Where to go on, which must be where the last `next` was, with the bytes before it.
  void set_next(std::uint8_t* next) { next_ = next; }
  std::uint8_t* next() const { return next_; }

  // The lower `count` bits of `value`, at most 56; the others must be zero.
  __attribute__((always_inline)) void put(std::uint64_t value, unsigned count) {
    num_pending_ += count;
    pending_ |= value << (64 - num_pending_);
    const std::uint64_t word = in_byte_order(pending_);
    std::memcpy(next_, &word, sizeof word);
    next_ += num_pending_ / 8;
    pending_ <<= num_pending_ & ~7U;
    num_pending_ %= 8;
  }

  // Fills the last byte with ones.
  void finish() {
    if (num_pending_ != 0) put((1U << (8 - num_pending_)) - 1, 8 - num_pending_);
  }

 private:
  static std::uint64_t in_byte_order(std::uint64_t value) {
    if constexpr (std::endian::native == std::endian::big) return value;
    return __builtin_bswap64(value);
  }

  std::uint8_t* next_ = nullptr;
  std::uint64_t pending_ = 0;  // from the highest bit on
  unsigned num_pending_ = 0;   // less than a byte
};

}  // namespace videotx
