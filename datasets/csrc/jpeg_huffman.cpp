#include "jpeg_huffman.h"

#include <algorithm>
#include <string>
#include <vector>

#include "jpeg_error.h"

namespace videotx {
namespace {

// T.81 F.1.2.1, table F.1: the value that `size` extra bits stand for.
int extend(int bits, int size) { return bits < 1 << (size - 1) ? bits - (1 << size) + 1 : bits; }

// What the next bits mean, one symbol at a time.
struct Single {
  std::uint8_t symbol = 0;
  std::uint8_t code = 0;  // bits of the code; 0: it is longer than the look-up
  bool whole = false;     // the value is in the look-up too
  std::int16_t value = 0;

  [[nodiscard]] int size() const { return symbol & 15; }
  [[nodiscard]] int length() const { return code + size(); }
  [[nodiscard]] int advance() const { return (symbol >> 4) + 1; }
  [[nodiscard]] bool ends_block() const { return code > 0 && size() == 0 && symbol < 0xF0; }
};

// T.81 annex C: codes in the order of their symbols, shortest first.
std::size_t read_codes(std::span<const std::uint8_t> body, HuffmanCodes& codes) {
  if (body.size() < 16) {
    throw JpegError("a Huffman table ends early");
  }
  std::size_t count = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    count += body[i];
  }
  if (count > 256 || body.size() < 16 + count) {
    throw JpegError("a Huffman table of " + std::to_string(count) + " codes ends early");
  }
  codes = {};
  std::copy_n(body.begin(), 16, codes.counts.begin());
  std::copy_n(body.begin() + 16, count, codes.symbols.begin());
  int code = 0;
  int index = 0;
  for (int length = 1; length <= 16; ++length, code <<= 1) {
    const auto slot = static_cast<std::size_t>(length);
    codes.offset[slot] = index - code;
    code += codes.counts[slot - 1];
    index += codes.counts[slot - 1];
    if (code > 1 << length) {
      throw JpegError("a Huffman table has too many codes of " + std::to_string(length) + " bits");
    }
    codes.first_beyond[slot] = code << (16 - length);
  }
  codes.first_beyond[17] = 1 << 17;
  return 16 + count;
}

// The code of symbol 0: no difference, or the end of a block.
HuffmanCode code_of_zero(const HuffmanCodes& codes) {
  std::size_t index = 0;
  std::uint32_t code = 0;
  for (int length = 1; length <= 16; ++length, code <<= 1) {
    for (int i = 0; i < codes.counts[static_cast<std::size_t>(length - 1)]; ++i, ++index, ++code) {
      if (codes.symbols[index] == 0) {
        return {code, length};
      }
    }
  }
  return {};
}

// By the next `look_ahead` bits. The lower four bits of a symbol say how many bits of value follow its code: DC symbols
// have no others.
std::vector<Single> singles(const HuffmanCodes& codes, int look_ahead) {
  std::vector<Single> out(std::size_t{1} << look_ahead);
  std::size_t index = 0;
  int code = 0;
  for (int length = 1; length <= look_ahead; ++length, code <<= 1) {
    const int spare = look_ahead - length;
    for (int i = 0; i < codes.counts[static_cast<std::size_t>(length - 1)]; ++i, ++index, ++code) {
      Single single{codes.symbols[index], static_cast<std::uint8_t>(length)};
      const int size = single.size();
      single.whole = size <= spare;
      for (int rest = 0; rest < 1 << spare; ++rest) {
        if (single.whole && size > 0) {
          single.value = static_cast<std::int16_t>(extend(rest >> (spare - size), size));
        }
        out[static_cast<std::size_t>(code << spare | rest)] = single;
      }
    }
  }
  return out;
}

// The symbols that the same look-up holds one behind the other.
class Sequence {
 public:
  Sequence(const std::vector<Single>& singles, std::size_t bits) : singles_(singles), bits_(bits) {}

  // The next one; its code is 0 where it is not there whole, apart from its value.
  [[nodiscard]] Single next() const {
    const Single& found = singles_[bits_ << used_ & (singles_.size() - 1)];
    return used_ + found.code <= kAcLookAhead ? found : Single{};
  }
  [[nodiscard]] bool next_is_whole() const {
    const Single found = next();
    return found.code > 0 && used_ + found.length() <= kAcLookAhead;
  }
  void take() { used_ += next().length(); }
  [[nodiscard]] int used() const { return used_; }

 private:
  const std::vector<Single>& singles_;
  std::size_t bits_;
  int used_ = 0;
};

AcStep step_at(Sequence sequence, std::uint8_t& length) {
  AcStep step;
  Single found = sequence.next();
  if (!sequence.next_is_whole()) {
    length = 0;
    step.first = static_cast<std::int16_t>(found.size());
    step.second = found.code;
    step.first_at = static_cast<std::uint8_t>(found.advance());
    return step;
  }
  if (!found.ends_block()) {
    step.first = found.value;
    step.first_at = step.advance = static_cast<std::uint8_t>(found.advance());
    step.second_at = static_cast<std::uint8_t>(step.first_at + 1);
    sequence.take();
    found = sequence.next();
    if (sequence.next_is_whole() && !found.ends_block()) {
      step.second = found.value;
      step.second_at = step.advance = static_cast<std::uint8_t>(step.first_at + found.advance());
      sequence.take();
      found = sequence.next();
    }
  }
  if (found.ends_block()) {
    step.advance = static_cast<std::uint8_t>(step.advance + kEndOfBlock);
    sequence.take();
  }
  length = static_cast<std::uint8_t>(sequence.used());
  return step;
}

// Of a coefficient that is skipped only the code must be in the look-up.
SkippedStep skipped_at(Sequence sequence) {
  SkippedStep step;
  for (;;) {
    const Single found = sequence.next();
    if (found.code == 0 || sequence.used() + found.length() > kMostSkippedBits) {
      break;
    }
    sequence.take();
    if (found.ends_block()) {
      step.advance = static_cast<std::uint8_t>(step.advance + kEndOfBlock);
      break;
    }
    step.advance = static_cast<std::uint8_t>(step.advance + found.advance());
    if (sequence.used() >= kAcLookAhead || step.advance > 16) {
      break;
    }
  }
  step.length = static_cast<std::uint8_t>(sequence.used());
  return step;
}

void fill_steps(const HuffmanCodes& codes, DcTable& table) {
  for (const std::uint8_t symbol : codes.symbols) {
    if (symbol > 11) {
      throw JpegError("a DC difference of " + std::to_string(symbol) + " bits is not baseline");
    }
  }
  table.same = code_of_zero(codes);
  const std::vector<Single> looked_up = singles(codes, kDcLookAhead);
  for (std::size_t bits = 0; bits < looked_up.size(); ++bits) {
    const Single& single = looked_up[bits];
    table.steps[bits] = {single.code, static_cast<std::uint8_t>(single.size()), static_cast<std::uint8_t>(single.length())};
  }
}

void fill_steps(const HuffmanCodes& codes, AcTable& table) {
  table.end = code_of_zero(codes);
  const std::vector<Single> looked_up = singles(codes, kAcLookAhead);
  for (std::size_t bits = 0; bits < looked_up.size(); ++bits) {
    table.steps[bits] = step_at({looked_up, bits}, table.lengths[bits]);
    table.skipped[bits] = skipped_at({looked_up, bits});
  }
}

template <typename Table>
std::size_t read(std::span<const std::uint8_t> body, Table& table) {
  table.defined = false;
  HuffmanCodes codes;
  const std::size_t size = read_codes(body, codes);
  if (codes.counts != table.codes.counts || codes.symbols != table.codes.symbols) {
    fill_steps(codes, table);
    table.codes = codes;
  }
  table.defined = true;
  return size;
}

}  // namespace

std::size_t read_table(std::span<const std::uint8_t> body, DcTable& table) { return read(body, table); }
std::size_t read_table(std::span<const std::uint8_t> body, AcTable& table) { return read(body, table); }

}  // namespace videotx
