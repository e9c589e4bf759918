#include "jpeg_bits.h"

namespace videotx {

LongStep long_step(Bits bits, const HuffmanTable& table, HuffmanStep looked_up, bool is_ac) {
  HuffmanStep found = looked_up;
  int size = found.value;
  if (found.length < 0) {
    drop(bits, -found.length);
  } else {
    const auto next = static_cast<std::int32_t>(peek(bits, 16));
    std::size_t length = kLookAhead + 1;
    while (length < 17 && next >= table.first_beyond[length]) {
      ++length;
    }
    if (length > 16) {
      throw JpegError("a code that no Huffman table has");
    }
    const std::int32_t code = next >> (16 - length);
    const int symbol = table.symbols[static_cast<std::size_t>(code + table.offset[length]) & 255];
    drop(bits, static_cast<int>(length));
    size = is_ac ? symbol & 15 : symbol;
    const int run = is_ac ? symbol >> 4 : 0;
    found.skip = static_cast<std::uint8_t>(is_ac && size == 0 && run < 15 ? kEndOfBlock : run);
  }
  found.value = 0;
  if (size > 0) {
    const int extra = static_cast<int>(peek(bits, size));
    drop(bits, size);
    found.value = static_cast<std::int16_t>(extra < 1 << (size - 1) ? extra - (1 << size) + 1 : extra);
  }
  refill(bits);
  return {bits, found};
}

}  // namespace videotx
