#include "jpeg_bits.h"

#include "jpeg_error.h"

namespace videotx {
namespace {

struct Symbol {
  int run;
  int size;  // bits of value
  int value;
};

Symbol next_symbol(Bits& bits, const HuffmanCodes& codes) {
  refill(bits);
  const auto next = static_cast<std::int32_t>(peek(bits, 16));
  std::size_t length = 1;
  while (length < 17 && next >= codes.first_beyond[length]) {
    ++length;
  }
  if (length > 16) {
    throw JpegError("a code that no Huffman table has");
  }
  const std::int32_t code = next >> (16 - length);
  const int symbol = codes.symbols[static_cast<std::size_t>(code + codes.offset[length]) & 255];
  const int run = symbol >> 4, size = symbol & 15;
  const int value = value_at(bits, static_cast<int>(length), size);
  drop(bits, static_cast<int>(length) + size);
  return {run, size, value};
}

}  // namespace

LongDifference take_long_difference(Bits bits, const HuffmanCodes& codes) {
  const int value = next_symbol(bits, codes).value;
  return {bits, value};
}

AcState take_symbol(Bits bits, const HuffmanCodes& codes, std::size_t k, std::int16_t* block) {
  const Symbol found = next_symbol(bits, codes);
  if (found.size == 0 && found.run < 15) {
    return {bits, k, true};
  }
  k += static_cast<std::size_t>(found.run) + 1;
  if (k > 63) {
    throw JpegError("a block of more than 64 coefficients");
  }
  if (block != nullptr) {
    block[kPlace[k]] = static_cast<std::int16_t>(found.value);
  }
  return {bits, k, k == 63};
}

AcState take_rest(Bits bits, const HuffmanCodes& codes, std::size_t k, std::int16_t* block) {
  AcState state{bits, k, false};
  while (!state.ended) {
    state = take_symbol(state.bits, codes, state.k, block);
  }
  return state;
}

}  // namespace videotx
