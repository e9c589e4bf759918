// NAL units: found in a packet (Annex B start codes or AVCC lengths) and freed of emulation prevention (clause 7.3.1).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "h264/bit_reader.h"

namespace videotx::h264 {

enum class NalType : std::uint8_t {
  kSlice = 1,
  kPartitionA = 2,
  kPartitionB = 3,
  kPartitionC = 4,
  kIdrSlice = 5,
  kSei = 6,
  kSps = 7,
  kPps = 8,
  kAccessUnitDelimiter = 9,
  kEndOfSequence = 10,
  kEndOfStream = 11,
};

// Splits one packet. `length_size` is the size of AVCC length fields, 0 for Annex B.
class NalSplitter {
 public:
  NalSplitter(std::span<const std::uint8_t> packet, int length_size);
  // The next unit with its header byte and without start code; nothing at the end.
  std::optional<std::span<const std::uint8_t>> next();
  // Whether no length field points past the packet; libavcodec drops packets in which one does.
  static bool sound(std::span<const std::uint8_t> packet, int length_size);

 private:
  std::optional<std::span<const std::uint8_t>> next_annex_b();
  std::optional<std::span<const std::uint8_t>> next_avcc();

  std::span<const std::uint8_t> packet_;
  std::size_t position_ = 0;
  int length_size_;
  bool damaged_ = false;
};

// One unit with its raw byte sequence payload; the buffer is reused from unit to unit.
class NalUnit {
 public:
  // False where the unit is empty.
  bool assign(std::span<const std::uint8_t> unit);

  [[nodiscard]] NalType type() const { return type_; }
  [[nodiscard]] int ref_idc() const { return ref_idc_; }
  [[nodiscard]] BitReader bits() const { return BitReader(rbsp_.data(), size_, num_bits_); }
  [[nodiscard]] std::span<const std::uint8_t> payload() const { return {rbsp_.data(), size_}; }

 private:
  NalType type_{};
  int ref_idc_ = 0;
  std::vector<std::uint8_t> rbsp_;  // size_ bytes and kPadding zeros
  std::size_t size_ = 0;
  std::size_t num_bits_ = 0;  // up to rbsp_stop_one_bit
};

}  // namespace videotx::h264
