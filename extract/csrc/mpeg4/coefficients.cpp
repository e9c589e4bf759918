#include "mpeg4/coefficients.h"

#include <algorithm>
#include <utility>

namespace videotx::mpeg4 {
namespace {

// What stands behind an escape code. `length`: its bits, negative where they are damaged.
struct Escaped {
  int length;
  int run;
  int level;
  bool last;
  bool fixed_length;
};

constexpr std::uint32_t field(std::uint64_t ahead, int first, int count) {
  return static_cast<std::uint32_t>(ahead << first >> (64 - count));
}

// Behind the escape code of Tables B-16 and B-17: 7.4.1.3, types 1 to 3.
Escaped read_escape(std::uint64_t ahead, const CoefficientTable& table) {
  if (field(ahead, 0, 2) == 3) {  // type 3: last, run, marker, level, marker
    const int level = static_cast<int>(field(ahead, 10, 12) << 20) >> 20;
    return {23, static_cast<int>(field(ahead, 3, 6)), level, field(ahead, 2, 1) != 0, true};
  }
  const bool type2 = field(ahead, 0, 1) == 1;
  const int prefix = type2 ? 2 : 1;
  const CoefficientEvent found = table.find(ahead << prefix);
  if (found.level == 0) return {-prefix, 0, 0, false, false};
  const int run = type2 ? found.run + table.max_run(found.last, found.level) + 1 : found.run;
  const int level = type2 ? found.level : found.level + table.max_level(found.last, found.run);
  const bool negative = field(ahead, prefix + found.length - 1, 1) != 0;
  return {prefix + found.length, run, negative ? -level : level, found.last, false};
}

// Behind the escape code of Table B-23: marker, last, run, marker, level, marker and the escape code backwards, sign.
Escaped read_reversible_escape(std::uint64_t ahead) {
  if (field(ahead, 20, 5) != 0x10) return {-25, 0, 0, false, true};
  const int level = static_cast<int>(field(ahead, 9, 11));
  const bool negative = field(ahead, 25, 1) != 0;
  return {26, static_cast<int>(field(ahead, 2, 6)), negative ? -level : level, field(ahead, 1, 1) != 0, true};
}

// Codes that are found in what one look ahead sees, however long they are.
constexpr int kCodesAhead = BitReader::kPeeked / CoefficientTable::kMaxLength;

// Calls `store(block, place, event)` for the coefficients of `num_blocks` blocks one behind the other, each from place
// `first` on; where one block ends and the next begins cannot be foreseen, so that it takes no branch. Returns how many
// blocks were sound.
template <class Store>
inline int read_events(BitReader& bits, const Coding& coding, int first, int num_blocks, Store&& store) {
  BitReader here = bits;  // a copy that no call is given stays in registers
  int block = 0;
  int place = first;
  for (;;) {
    std::uint64_t ahead = here.peek64();
    for (int i = 0; i < kCodesAhead; ++i) {
      const CoefficientEvent found = coding.table->find(ahead);
      Escaped event{found.length, found.run, found.level, found.last, false};
      const bool escape = found.level == 0;
      if (escape) [[unlikely]] {
        if (found.length == 0) {
          bits = here;
          return block;
        }
        here.skip(static_cast<std::size_t>(found.length));
        event = coding.reversible ? read_reversible_escape(here.peek64()) : read_escape(here.peek64(), *coding.table);
        here.skip(static_cast<std::size_t>(event.length < 0 ? -event.length : event.length));
      } else {
        here.skip(static_cast<std::size_t>(found.length));
        const int sign = -static_cast<int>(ahead >> (64 - found.length) & 1);  // nor can this be foreseen
        event.level = (found.level ^ sign) - sign;
        ahead <<= found.length;
      }
      place += event.run;
      if (place > 63 || event.length < 0) [[unlikely]] {
        bits = here;
        return block;
      }
      store(static_cast<std::size_t>(block), static_cast<std::size_t>(place), event);
      block += event.last;
      place = event.last ? first : place + 1;
      if (block == num_blocks) {
        bits = here;
        return block;
      }
      if (escape) break;
    }
  }
}

constexpr std::size_t by_columns(std::size_t raster) { return (raster & 7) << 3 | raster >> 3; }

}  // namespace

int read_inter_blocks(BitReader& bits, const InterCoding& coding, int quantiser, std::span<Block> blocks) {
  const Scan& scan = *coding.scan;
  const auto num_blocks = static_cast<int>(blocks.size());
  int sound = 0;
  if (coding.matrix == nullptr) {  // 7.4.4.2, and saturation where it can matter
    const int multiplier = 2 * quantiser;
    const int offset = (quantiser - 1) | 1;
    sound = read_events(bits, coding, 0, num_blocks, [&](std::size_t block, std::size_t place, const Escaped& event) {
      const int sign = -static_cast<int>(event.level <= 0);
      int value = event.level * multiplier + ((offset ^ sign) - sign);
      if (event.fixed_length) value = std::clamp(value, -2048, 2047);
      blocks[block].coefficients[by_columns(scan[place])] = static_cast<std::int16_t>(value);
      blocks[block].low = place < kLowPlaces;
    });
  } else {  // 7.4.4.1; its mismatch control makes the sum of all coefficients odd through the last one
    int parity = 1;
    sound = read_events(bits, coding, 0, num_blocks, [&](std::size_t block, std::size_t place, const Escaped& event) {
      const std::size_t raster = scan[place];
      const int level = std::clamp(event.level, -2048, 2047);
      const int scaled = ((2 * (level < 0 ? -level : level) + 1) * 2 * quantiser * (*coding.matrix)[raster]) >> 5;
      std::array<std::int16_t, 64>& coefficients = blocks[block].coefficients;
      coefficients[by_columns(raster)] = static_cast<std::int16_t>(level < 0 ? -scaled : scaled);
      parity ^= scaled & 1;
      if (event.last) {
        coefficients[63] = static_cast<std::int16_t>(coefficients[63] ^ std::exchange(parity, 1));
        blocks[block].low = place < kLowPlaces && coefficients[63] == 0;
      }
    });
  }
  if (sound < num_blocks) blocks[static_cast<std::size_t>(sound)] = {};
  return sound;
}

bool skip_blocks(BitReader& bits, const Coding& coding, int first, int num_blocks) {
  const auto nothing = [](std::size_t, std::size_t, const Escaped&) {};
  return read_events(bits, coding, first, num_blocks, nothing) == num_blocks;
}

}  // namespace videotx::mpeg4
