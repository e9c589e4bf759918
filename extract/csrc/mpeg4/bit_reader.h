// Reads bits, most significant first, from bytes that are followed by kPadding readable zero bytes.
//
// Reading past the end yields zero bits and never touches memory beyond the padding; `overrun` tells afterwards.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace videotx::mpeg4 {

class BitReader {
 public:
  static constexpr std::size_t kPadding = 8;

  BitReader() = default;
  // `padded` holds the data and, behind it, kPadding zero bytes.
  explicit BitReader(std::span<const std::uint8_t> padded)
      : data_(padded.data()), num_bytes_(padded.size() < kPadding ? 0 : padded.size() - kPadding) {
    if (padded.size() < kPadding) data_ = kZeros;
  }

  [[nodiscard]] std::size_t position() const { return position_; }
  [[nodiscard]] std::size_t num_bits() const { return num_bytes_ * 8; }
  [[nodiscard]] std::size_t num_bytes() const { return num_bytes_; }
  [[nodiscard]] bool overrun() const { return position_ > num_bits(); }
  [[nodiscard]] std::size_t bits_left() const { return overrun() ? 0 : num_bits() - position_; }
  [[nodiscard]] std::uint8_t byte(std::size_t index) const { return index < num_bytes_ ? data_[index] : 0; }
  void seek(std::size_t position) { position_ = position; }
  void skip(std::size_t count) { position_ += count; }
  void align() { position_ = (position_ + 7) & ~std::size_t{7}; }

  // The next bits without consuming them, the first one highest: kPeeked of them, and zeros.
  static constexpr int kPeeked = 57;
  [[nodiscard]] std::uint64_t peek64() const {
    std::uint64_t word = 0;
    std::memcpy(&word, data_ + std::min(position_ >> 3, num_bytes_), sizeof word);
    if constexpr (std::endian::native == std::endian::little) word = __builtin_bswap64(word);
    return word << (position_ & 7);
  }
  [[nodiscard]] std::uint32_t peek32() const { return static_cast<std::uint32_t>(peek64() >> 32); }
  // 1 <= count <= 32
  [[nodiscard]] std::uint32_t peek(int count) const { return peek32() >> (32 - count); }
  std::uint32_t read(int count) {
    if (count == 0) return 0;
    const std::uint32_t value = peek(count);
    position_ += static_cast<std::size_t>(count);
    return value;
  }
  bool read_flag() { return read(1) != 0; }
  // A marker bit; a wrong one does not stop reading, because many encoders in the wild write it carelessly.
  void marker() { skip(1); }

 private:
  static constexpr std::uint8_t kZeros[kPadding] = {};

  const std::uint8_t* data_ = kZeros;
  std::size_t num_bytes_ = 0;
  std::size_t position_ = 0;
};

// What one look ahead sees. Reading from it goes by no memory, which the next code would have to wait for.
class Window {
 public:
  explicit Window(const BitReader& bits) : word_(bits.peek64()) {}

  // The bits to come, the first one highest.
  [[nodiscard]] std::uint64_t word() const { return word_; }
  [[nodiscard]] std::uint32_t peek32() const { return static_cast<std::uint32_t>(word_ >> 32); }
  // How many were read: BitReader::kPeeked at most.
  [[nodiscard]] std::size_t length() const { return length_; }
  void skip(std::size_t count) {
    word_ <<= count;
    length_ += count;
  }
  // 1 <= count <= 32
  std::uint32_t read(int count) {
    const auto value = static_cast<std::uint32_t>(word_ >> (64 - count));
    skip(static_cast<std::size_t>(count));
    return value;
  }
  bool read_flag() { return read(1) != 0; }

 private:
  std::uint64_t word_;
  std::size_t length_ = 0;
};

}  // namespace videotx::mpeg4
