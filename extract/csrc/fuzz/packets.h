// How a fuzzing input becomes a stream: one byte of options, then packets, each behind its length in two bytes (the
// first is the extradata). Whatever does not fit is the last packet.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "coded_picture.h"

namespace videotx::fuzz {

class Packets {
 public:
  explicit Packets(std::span<const std::uint8_t> input)
      : options(input.empty() ? std::uint8_t{0} : input[0]), rest_(input.subspan(input.empty() ? 0 : 1)) {}

  std::optional<std::span<const std::uint8_t>> next() {
    if (rest_.size() < 2) return std::nullopt;
    const std::size_t length = static_cast<std::size_t>(rest_[0] << 8 | rest_[1]);
    rest_ = rest_.subspan(2);
    const auto packet = rest_.first(std::min(length, rest_.size()));
    rest_ = rest_.subspan(packet.size());
    return packet;
  }

  const std::uint8_t options;

 private:
  std::span<const std::uint8_t> rest_;
};

// Huge pictures cost time and find nothing that small ones do not.
inline constexpr std::size_t kMostMacroblocks = 4000;

// What every finished picture must satisfy, whatever it was read from.
inline std::size_t check(const CodedPicture& picture) {
  const auto count =
      static_cast<std::size_t>(picture.macroblock_columns) * static_cast<std::size_t>(picture.macroblock_rows);
  const auto cells_across = static_cast<std::size_t>(16 / picture.cell);
  const std::size_t num_cells = 2 * cells_across * cells_across * count;  // of both lists
  if (picture.macroblock_class.size() != count || picture.qp.size() != count || picture.mv.size() != 2 * num_cells ||
      picture.ref.size() != num_cells) {
    __builtin_trap();
  }
  const bool missing = std::ranges::count(picture.macroblock_class, std::uint8_t{0}) != 0;
  if (missing && !picture.damaged) __builtin_trap();
  return count;
}

template <class Reader>
std::size_t drain(Reader& reader) {
  std::size_t num_macroblocks = 0;
  while (auto picture = reader.pop()) num_macroblocks += check(*picture);
  return num_macroblocks;
}

}  // namespace videotx::fuzz
