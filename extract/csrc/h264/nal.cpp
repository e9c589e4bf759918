#include "h264/nal.h"

#include <bit>
#include <cstring>

namespace videotx::h264 {
namespace {

// Offset of the next 00 00 01 at or after `from`, or the size.
std::size_t find_start_code(std::span<const std::uint8_t> bytes, std::size_t from) {
  std::size_t i = from;
  while (i + 2 < bytes.size()) {
    const auto* hit = static_cast<const std::uint8_t*>(std::memchr(&bytes[i + 2], 1, bytes.size() - i - 2));
    if (hit == nullptr) break;
    const auto at = static_cast<std::size_t>(hit - bytes.data());
    if (bytes[at - 1] == 0 && bytes[at - 2] == 0) return at - 2;
    i = at - 1;
  }
  return bytes.size();
}

}  // namespace

NalSplitter::NalSplitter(std::span<const std::uint8_t> packet, int length_size)
    : packet_(packet), length_size_(length_size) {
  if (length_size_ == 0) position_ = find_start_code(packet_, 0);
}

bool NalSplitter::sound(std::span<const std::uint8_t> packet, int length_size) {
  if (length_size == 0) return true;
  NalSplitter splitter(packet, length_size);
  while (splitter.next()) {
  }
  return !splitter.damaged_;
}

std::optional<std::span<const std::uint8_t>> NalSplitter::next() {
  return length_size_ == 0 ? next_annex_b() : next_avcc();
}

std::optional<std::span<const std::uint8_t>> NalSplitter::next_annex_b() {
  if (position_ + 3 >= packet_.size()) return std::nullopt;
  const std::size_t begin = position_ + 3;
  const std::size_t end = find_start_code(packet_, begin);
  position_ = end;
  std::size_t last = end;
  while (last > begin && packet_[last - 1] == 0) --last;  // trailing_zero_8bits and the long start code
  return packet_.subspan(begin, last - begin);
}

std::optional<std::span<const std::uint8_t>> NalSplitter::next_avcc() {
  const auto field = static_cast<std::size_t>(length_size_);
  if (position_ + field > packet_.size()) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = 0; i < field; ++i) length = length << 8 | packet_[position_ + i];
  position_ += field;
  if (length > packet_.size() - position_) {
    damaged_ = true;
    length = packet_.size() - position_;
  }
  const auto unit = packet_.subspan(position_, length);
  position_ += length;
  return unit;
}

bool NalUnit::assign(std::span<const std::uint8_t> unit) {
  if (unit.empty()) return false;
  ref_idc_ = unit[0] >> 5 & 3;
  type_ = static_cast<NalType>(unit[0] & 31);
  rbsp_.resize(unit.size() + kPadding);
  const std::uint8_t* in = unit.data() + 1;
  const std::uint8_t* const end = unit.data() + unit.size();
  std::uint8_t* out = rbsp_.data();
  // Runs between 00 00 03 are copied whole; each is found by its 03.
  const std::uint8_t* scan = in;
  while (scan < end) {
    const auto* hit = static_cast<const std::uint8_t*>(std::memchr(scan, 3, static_cast<std::size_t>(end - scan)));
    if (hit == nullptr) break;
    scan = hit + 1;
    if (hit - in < 2 || hit[-1] != 0 || hit[-2] != 0) continue;
    const auto run = static_cast<std::size_t>(hit - in);
    std::memcpy(out, in, run);
    out += run;
    in = hit + 1;
  }
  std::memcpy(out, in, static_cast<std::size_t>(end - in));
  out += end - in;
  size_ = static_cast<std::size_t>(out - rbsp_.data());
  std::memset(out, 0, kPadding);

  std::size_t last = size_;
  while (last > 0 && rbsp_[last - 1] == 0) --last;  // cabac_zero_words
  num_bits_ = last == 0 ? 0 : last * 8 - 1 - static_cast<std::size_t>(std::countr_zero(rbsp_[last - 1]));
  return true;
}

}  // namespace videotx::h264
