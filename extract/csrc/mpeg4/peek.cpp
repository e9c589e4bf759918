#include "mpeg4/peek.h"

#include <algorithm>
#include <array>

#include "mpeg4/bit_reader.h"

namespace videotx::mpeg4 {
namespace {

constexpr std::array<std::uint8_t, 4> kVopStart = {0, 0, 1, 0xB6};
constexpr std::size_t kMostBytes = 16;  // of these fields; modulo_time_base takes a bit per second

}  // namespace

std::optional<PeekedVop> peek_vop(std::span<const std::uint8_t> packet, int time_bits, bool global_motion) {
  const auto start = std::search(packet.begin(), packet.end(), kVopStart.begin(), kVopStart.end());
  if (start == packet.end()) return std::nullopt;
  const std::span<const std::uint8_t> rest(start + kVopStart.size(), packet.end());
  std::array<std::uint8_t, kMostBytes + BitReader::kPadding> head{};
  const std::size_t size = std::min(rest.size(), kMostBytes);
  std::copy_n(rest.begin(), size, head.begin());
  BitReader bits({head.data(), size + BitReader::kPadding});

  PeekedVop vop{.type = "IPBS"[bits.read(2)]};
  if (time_bits > 0) {
    while (bits.read_flag()) {  // modulo_time_base
    }
    bits.skip(static_cast<std::size_t>(1 + time_bits + 1));  // marker, vop_time_increment, marker
    vop.coded = bits.read_flag();
    if (vop.coded && (vop.type == 'P' || (vop.type == 'S' && global_motion))) vop.rounding = bits.read_flag();
  }
  if (bits.overrun()) return std::nullopt;
  return vop;
}

}  // namespace videotx::mpeg4
