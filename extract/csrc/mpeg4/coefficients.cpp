#include "mpeg4/coefficients.h"

#include <algorithm>

namespace videotx::mpeg4 {
namespace {

struct Event {
  int run;
  int level;
  bool last;
  bool fixed_length;
};

// Behind the escape code of Tables B-16 and B-17: 7.4.1.3, types 1 to 3.
bool read_escape(BitReader& bits, const CoefficientTable& table, Event& event) {
  if (bits.peek(2) == 3) {  // type 3: fixed length
    const std::uint32_t word = bits.peek32() << 2;
    bits.skip(2 + 1 + 6 + 1 + 12 + 1);
    const int level = static_cast<int>(word << 8) >> 20;
    event = {static_cast<int>(word >> 25 & 63), level, (word >> 31) != 0, true};
    return true;
  }
  const bool type2 = bits.peek(1) == 1;
  bits.skip(type2 ? 2 : 1);
  const std::uint32_t word = bits.peek32();
  const CoefficientEvent found = table.find(word);
  if (found.length == 0 || found.level == 0) return false;
  event = {found.run, found.level, found.last, false};
  if (type2) {
    event.run += table.max_run(found.last, found.level) + 1;
  } else {
    event.level += table.max_level(found.last, found.run);
  }
  if ((word >> (31 - found.length) & 1) != 0) event.level = -event.level;
  bits.skip(found.length + 1U);
  return true;
}

// Behind the escape code of Table B-23.
bool read_reversible_escape(BitReader& bits, Event& event) {
  bits.marker();
  event.last = bits.read_flag();
  event.run = static_cast<int>(bits.read(6));
  bits.marker();
  event.level = static_cast<int>(bits.read(11));
  event.fixed_length = true;
  if (bits.read(5) != 0x10) return false;  // marker and, backwards, the escape code
  if (bits.read_flag()) event.level = -event.level;
  return true;
}

template <class Store>
inline bool read_events(BitReader& bits, const CoefficientTable& table, bool reversible, int first, Store&& store) {
  BitReader here = bits;  // a copy that no call is given stays in registers
  int place = first;
  for (;;) {
    const std::uint32_t word = here.peek32();
    const CoefficientEvent found = table.find(word);
    Event event{found.run, found.level, found.last, false};
    if (found.level != 0) [[likely]] {
      here.skip(found.length + 1U);
      const int sign = -static_cast<int>(word >> (31 - found.length) & 1);  // of which nothing can be foreseen
      event.level = (event.level ^ sign) - sign;
    } else {
      bits = here;
      if (found.length == 0) return false;
      bits.skip(found.length);
      if (!(reversible ? read_reversible_escape(bits, event) : read_escape(bits, table, event))) return false;
      here = bits;
    }
    place += event.run;
    if (place > 63) {
      bits = here;
      return false;
    }
    store(static_cast<std::size_t>(place), event);
    ++place;
    if (event.last) {
      bits = here;
      return true;
    }
  }
}

constexpr std::size_t by_columns(std::size_t raster) { return (raster & 7) << 3 | raster >> 3; }

}  // namespace

bool read_inter_block(BitReader& bits, const InterCoding& coding, int quantiser, Block& block) {
  const Scan& scan = *coding.scan;
  if (coding.matrix == nullptr) {  // 7.4.4.2, and saturation where it can matter
    const int multiplier = 2 * quantiser;
    const int offset = (quantiser - 1) | 1;
    return read_events(bits, *coding.table, coding.reversible, 0, [&](std::size_t place, const Event& event) {
      const int sign = -static_cast<int>(event.level <= 0);
      int value = event.level * multiplier + ((offset ^ sign) - sign);
      if (event.fixed_length) value = std::clamp(value, -2048, 2047);
      block.coefficients[by_columns(scan[place])] = static_cast<std::int16_t>(value);
    });
  }
  // 7.4.4.1; its mismatch control makes the sum of all coefficients odd through the last one.
  int parity = 1;
  const bool sound =
      read_events(bits, *coding.table, coding.reversible, 0, [&](std::size_t place, const Event& event) {
        const std::size_t raster = scan[place];
        const int level = std::clamp(event.level, -2048, 2047);
        const int scaled = ((2 * (level < 0 ? -level : level) + 1) * 2 * quantiser * (*coding.matrix)[raster]) >> 5;
        parity ^= scaled & 1;
        block.coefficients[by_columns(raster)] = static_cast<std::int16_t>(level < 0 ? -scaled : scaled);
      });
  if (parity != 0) block.coefficients[63] = static_cast<std::int16_t>(block.coefficients[63] ^ 1);
  return sound;
}

bool skip_block(BitReader& bits, const CoefficientTable& table, bool reversible, int first) {
  return read_events(bits, table, reversible, first, [](std::size_t, const Event&) {});
}

}  // namespace videotx::mpeg4
