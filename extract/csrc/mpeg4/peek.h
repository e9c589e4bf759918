// The VOP header's first fields alone: what is to be known of a packet that another decoder reads.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace videotx::mpeg4 {

struct PeekedVop {
  char type = '?';  // I, P, B, S
  bool coded = true;
  bool rounding = false;  // false where the header has none
};

// Of the first VOP of a packet; nothing where there is none, or where it is cut off. `time_bits` are those of
// vop_time_increment; without them (0) only the type is read. `global_motion`: S-VOPs are sprites by GMC.
std::optional<PeekedVop> peek_vop(std::span<const std::uint8_t> packet, int time_bits, bool global_motion);

}  // namespace videotx::mpeg4
