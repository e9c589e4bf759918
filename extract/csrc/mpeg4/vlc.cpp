#include "mpeg4/vlc.h"

#include <algorithm>

namespace videotx::mpeg4 {

CoefficientTable::CoefficientTable(int bits, std::span<const Code> codes,
                                   std::span<const std::uint8_t> max_level_not_last,
                                   std::span<const std::uint8_t> max_level_last)
    : shift_(64 - bits) {
  std::size_t next = 0;
  for (const bool last : {false, true}) {
    const std::span<const std::uint8_t> max_level = last ? max_level_last : max_level_not_last;
    for (std::size_t run = 0; run < max_level.size(); ++run) {
      max_level_[last][run] = max_level[run];
      for (std::uint8_t level = 1; level <= max_level[run]; ++level, ++next) {
        add(codes[next], {codes[next].length + 1, static_cast<int>(run), level, last});
        std::uint8_t& max_run = max_run_[last][level];
        max_run = std::max(max_run, static_cast<std::uint8_t>(run));
      }
    }
  }
  add(codes[next], {codes[next].length, 0, 0, false});
}

void CoefficientTable::add(Code code, const CoefficientEvent& event) {
  const std::uint32_t packed = static_cast<std::uint32_t>(event.length) | static_cast<std::uint32_t>(event.run) << 8 |
                               static_cast<std::uint32_t>(event.level) << 16 | std::uint32_t{event.last} << 24;
  const int free_bits = 64 - shift_ - code.length;
  const std::size_t first = std::size_t{code.bits} << free_bits;
  std::fill_n(events_.begin() + static_cast<std::ptrdiff_t>(first), std::size_t{1} << free_bits, packed);
}

}  // namespace videotx::mpeg4
