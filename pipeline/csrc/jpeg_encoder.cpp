#include "jpeg_encoder.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <initializer_list>
#include <stdexcept>

#include "bit_writer.h"
#include "jpeg_block.h"
#include "jpeg_tables.h"

namespace videotx {
namespace {

struct Code {
  std::uint16_t bits = 0;
  std::uint16_t length = 0;
};

// Codes by symbol, made from a specification as Annex C says.
template <std::size_t N>
constexpr std::array<Code, 256> codes_of(const HuffmanSpecification<N>& specification) {
  std::array<Code, 256> codes{};
  std::size_t next = 0;
  std::uint16_t bits = 0;
  for (std::uint16_t length = 1; length <= 16; ++length) {
    for (int i = 0; i < specification.counts[length - 1U]; ++i) codes[specification.symbols[next++]] = {bits++, length};
    bits = static_cast<std::uint16_t>(bits << 1);
  }
  return codes;
}

constexpr std::array<Code, 256> kLumaDcCodes = codes_of(kLumaDc), kLumaAcCodes = codes_of(kLumaAc);
constexpr std::array<Code, 256> kChromaDcCodes = codes_of(kChromaDc), kChromaAcCodes = codes_of(kChromaAc);

constexpr std::uint8_t kEndOfBlock = 0x00, kSixteenZeros = 0xF0;

// Zigzag positions of the values that a byte of Coefficients::occupied tells of, by column and byte.
constexpr std::array<std::array<std::uint64_t, 256>, kBlock> kPositions = [] {
  std::array<std::array<std::uint64_t, 256>, kBlock> positions{};
  for (unsigned n = 0; n < 64; ++n) {
    for (unsigned byte = 0; byte < 256; ++byte) {
      if ((byte >> (kZigzag[n] / 8U) & 1U) != 0) positions[kZigzag[n] % 8U][byte] |= std::uint64_t{1} << n;
    }
  }
  return positions;
}();

// 64 coefficients of at most a code of 16 bits and 11 bits of value, and the end of the block.
constexpr std::size_t kMaxBlockBits = 64 * (16 + 11) + 16;

// The customary scaling of the example quantisers.
std::array<std::uint8_t, 64> quantisers_of(const std::array<std::uint8_t, 64>& example, int quality) {
  const int percent = quality < 50 ? 5000 / quality : 200 - 2 * quality;
  std::array<std::uint8_t, 64> scaled;
  for (std::size_t i = 0; i < 64; ++i) scaled[i] = static_cast<std::uint8_t>(std::clamp((example[i] * percent + 50) / 100, 1, 255));
  return scaled;
}

struct Bits {
  std::uint64_t value;
  unsigned count;
};

VIDEOTX_INLINE constexpr Bits joined(Bits first, Bits second) {
  return {(first.value << second.count) | second.value, first.count + second.count};
}

VIDEOTX_INLINE constexpr Bits bits_of(Code code) { return {code.bits, code.length}; }

VIDEOTX_INLINE void put(BitWriter& out, Bits bits) { out.put(bits.value, bits.count); }

// A value after the code of how many bits it has. Negative values are coded one lower, in two's complement (F.1.2).
VIDEOTX_INLINE Bits coded(const std::array<Code, 256>& codes, unsigned run, int value) {
  const int sign = value >> 31;
  const auto count = static_cast<unsigned>(std::bit_width(static_cast<unsigned>((value ^ sign) - sign)));
  const auto low = static_cast<std::uint32_t>(value + sign) & ((1U << count) - 1);
  return joined(bits_of(codes[(run << 4) | count]), {low, count});
}

// One of the three planes. A block of nothing but kGrey has no coefficient at all.
struct Component {
  const BytePlane* plane;
  const Quantiser* quantiser;
  const std::array<Code, 256>* dc_codes;
  const std::array<Code, 256>* ac_codes;
  int last_dc = 0;
};

constexpr std::uint8_t kGrey = 128;

VIDEOTX_INLINE void put_grey(BitWriter& out, Component& component) {
  put(out, joined(coded(*component.dc_codes, 0, -component.last_dc), bits_of((*component.ac_codes)[kEndOfBlock])));
  component.last_dc = 0;
}

// Three blocks of grey after three whose mean is grey: most of a picture that has little in it.
constexpr Bits kGreyMcu = [] {
  const Bits luma = joined(bits_of(kLumaDcCodes[0]), bits_of(kLumaAcCodes[kEndOfBlock]));
  const Bits chroma = joined(bits_of(kChromaDcCodes[0]), bits_of(kChromaAcCodes[kEndOfBlock]));
  return joined(luma, joined(chroma, chroma));
}();

VIDEOTX_INLINE void put_coefficients(BitWriter& out, Component& component, const Coefficients& block) {
  put(out, coded(*component.dc_codes, 0, block.values[0] - component.last_dc));
  component.last_dc = block.values[0];
  const std::array<Code, 256>& codes = *component.ac_codes;
  std::uint64_t positions = 0;
  for (unsigned column = 0; column < kBlock; ++column) {
    positions |= kPositions[column][block.occupied >> (8 * column) & 0xFF];
  }
  unsigned next = 1;
  for (positions &= ~std::uint64_t{1}; positions != 0; positions &= positions - 1) {
    const auto position = static_cast<unsigned>(std::countr_zero(positions));
    unsigned run = position - next;
    next = position + 1;
    for (; run > 15; run -= 16) put(out, bits_of(codes[kSixteenZeros]));
    put(out, coded(codes, run, block.values[kZigzag[position]]));
  }
  if (next < 64) put(out, bits_of(codes[kEndOfBlock]));
}

// A block that lies across the edge of its plane, which is repeated beyond.
std::array<std::uint8_t, kBlock * kBlock> padded_block(const BytePlane& plane, std::size_t top, std::size_t left) {
  std::array<std::uint8_t, kBlock * kBlock> samples;
  for (std::size_t y = 0; y < kBlock; ++y) {
    for (std::size_t x = 0; x < kBlock; ++x) {
      samples[y * kBlock + x] =
          plane.samples[std::min(top + y, plane.height - 1) * plane.stride + std::min(left + x, plane.width - 1)];
    }
  }
  return samples;
}

// Ors the differences from grey of up to eight rows from `top`, eight columns a word.
VIDEOTX_INLINE void find_differences(const BytePlane& plane, std::size_t top, std::vector<std::uint64_t>& words) {
  constexpr std::uint64_t kGreys = kGrey * std::uint64_t{0x0101010101010101};
  std::fill(words.begin(), words.end(), 0);
  const std::size_t whole = plane.width / kBlock, rest = plane.width % kBlock;
  for (std::size_t y = top; y < std::min(top + kBlock, plane.height); ++y) {
    const std::uint8_t* row = &plane.samples[y * plane.stride];
    for (std::size_t i = 0; i < whole; ++i) {
      std::uint64_t word;
      std::memcpy(&word, row + i * kBlock, sizeof word);
      words[i] |= word ^ kGreys;
    }
    if (rest == 0) continue;
    std::uint64_t word = kGreys;
    std::memcpy(&word, row + whole * kBlock, rest);
    words[whole] |= word ^ kGreys;
  }
}

VIDEOTX_INLINE void put_block(BitWriter& out, Component& component, std::size_t top, std::size_t left) {
  const BytePlane& plane = *component.plane;
  Coefficients block;
  if (top + kBlock > plane.height || left + kBlock > plane.width) {
    const auto samples = padded_block(plane, top, left);
    forward_transform(samples.data(), kBlock, *component.quantiser, block);
  } else {
    forward_transform(&plane.samples[top * plane.stride + left], plane.stride, *component.quantiser, block);
  }
  put_coefficients(out, component, block);
}

using Differences = std::array<std::vector<std::uint64_t>, 3>;

// One row of blocks. `differs` is whether samples differ from grey, eight columns a word. The writer and the predictions
// are copies while it lasts, for the compiler to keep them in registers.
VIDEOTX_INLINE void put_row_as_compiled(BitWriter& writer, std::array<Component, 3>& state, std::size_t row,
                                        Differences& differs) {
  BitWriter out = writer;
  std::array<Component, 3> components = state;
  const std::size_t top = row * kBlock;
  for (std::size_t i = 0; i < 3; ++i) find_differences(*components[i].plane, top, differs[i]);
  for (std::size_t column = 0; column < differs[0].size(); ++column) {
    const bool grey = (differs[0][column] | differs[1][column] | differs[2][column]) == 0;
    if (grey && (components[0].last_dc | components[1].last_dc | components[2].last_dc) == 0) {
      put(out, kGreyMcu);
      continue;
    }
    for (std::size_t i = 0; i < 3; ++i) {
      if (differs[i][column] == 0) {
        put_grey(out, components[i]);
      } else {
        put_block(out, components[i], top, column * kBlock);
      }
    }
  }
  writer = out;
  state = components;
}

using PutRow = void (*)(BitWriter&, std::array<Component, 3>&, std::size_t, Differences&);

void put_row_anywhere(BitWriter& out, std::array<Component, 3>& components, std::size_t row, Differences& differs) {
  put_row_as_compiled(out, components, row, differs);
}

#if defined(__x86_64__)
// The same code with eight lanes in one register; the results are the same.
__attribute__((target("avx2,bmi,bmi2,lzcnt"))) void put_row_avx2(BitWriter& out, std::array<Component, 3>& components,
                                                                 std::size_t row, Differences& differs) {
  put_row_as_compiled(out, components, row, differs);
}

PutRow best_put_row() {
  const bool wide = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                    __builtin_cpu_supports("lzcnt");
  return wide ? put_row_avx2 : put_row_anywhere;
}
#else
PutRow best_put_row() { return put_row_anywhere; }
#endif

std::vector<std::uint8_t> encode_scan(std::array<Component, 3>& components, std::size_t width, std::size_t height) {
  static const PutRow put_row = best_put_row();
  const std::size_t num_rows = (height + kBlock - 1) / kBlock, num_columns = (width + kBlock - 1) / kBlock;
  const std::size_t row_room = BitWriter::room(num_columns * 3 * kMaxBlockBits);
  Differences differs;
  for (auto& words : differs) words.resize(num_columns);
  std::vector<std::uint8_t> bytes(row_room + width * height / 8);
  BitWriter out;
  std::size_t size = 0;
  for (std::size_t row = 0; row < num_rows; ++row) {
    if (bytes.size() - size < row_room) bytes.resize(2 * bytes.size());
    out.set_next(bytes.data() + size);
    put_row(out, components, row, differs);
    size = static_cast<std::size_t>(out.next() - bytes.data());
  }
  out.finish();
  bytes.resize(static_cast<std::size_t>(out.next() - bytes.data()));
  return bytes;
}

// A byte of ones would begin a marker; a zero byte behind it says that it does not (B.1.1.5).
void put_stuffed(std::vector<std::uint8_t>& bytes, std::span<const std::uint8_t> scan) {
  while (!scan.empty()) {
    const void* found = std::memchr(scan.data(), 0xFF, scan.size());
    const auto size = found ? static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - scan.data()) + 1 : scan.size();
    bytes.insert(bytes.end(), scan.begin(), scan.begin() + static_cast<std::ptrdiff_t>(size));
    if (found) bytes.push_back(0);
    scan = scan.subspan(size);
  }
}

// Writes markers and their segments.
class HeaderWriter {
 public:
  explicit HeaderWriter(std::vector<std::uint8_t>& bytes) : bytes_(bytes) {}

  void put(std::initializer_list<std::size_t> values) {
    for (const std::size_t value : values) bytes_.push_back(static_cast<std::uint8_t>(value));
  }

  void put_quantisers(std::uint8_t number, const std::array<std::uint8_t, 64>& quantisers) {
    put({0xFF, 0xDB, 0, 67, number});
    for (const std::uint8_t place : kZigzag) bytes_.push_back(quantisers[place]);
  }

  template <std::size_t N>
  void put_codes(std::uint8_t number, const HuffmanSpecification<N>& specification) {
    put({0xFF, 0xC4, 0, 19 + N, number});
    bytes_.insert(bytes_.end(), specification.counts.begin(), specification.counts.end());
    bytes_.insert(bytes_.end(), specification.symbols.begin(), specification.symbols.end());
  }

 private:
  std::vector<std::uint8_t>& bytes_;
};

void put_header(std::vector<std::uint8_t>& bytes, std::size_t width, std::size_t height,
                const std::array<std::uint8_t, 64>& luma, const std::array<std::uint8_t, 64>& chroma) {
  HeaderWriter header(bytes);
  header.put({0xFF, 0xD8});                                                                  // start of image
  header.put({0xFF, 0xE0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0});         // JFIF 1.01, square samples
  header.put_quantisers(0, luma);
  header.put_quantisers(1, chroma);
  header.put({0xFF, 0xC0, 0, 17, 8, height >> 8, height & 0xFF, width >> 8, width & 0xFF, 3});  // baseline, 8 bits
  header.put({1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1});  // components: sampling factors and quantisers
  header.put_codes(0x00, kLumaDc);
  header.put_codes(0x10, kLumaAc);
  header.put_codes(0x01, kChromaDc);
  header.put_codes(0x11, kChromaAc);
  header.put({0xFF, 0xDA, 0, 12, 3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0});  // one scan of everything
}

void check(const BytePlane& plane, std::size_t width, std::size_t height) {
  const bool fits = plane.width == width && plane.height == height && plane.stride >= width &&
                    plane.samples.size() == (height - 1) * plane.stride + width;
  if (!fits) throw std::invalid_argument("expected three planes of one size");
}

}  // namespace

std::vector<std::uint8_t> encode_jpeg(const BytePlane& y, const BytePlane& cb, const BytePlane& cr, int quality) {
  if (quality < 1 || quality > 100) throw std::invalid_argument("JPEG quality must be 1 to 100");
  if (y.width < 1 || y.height < 1 || y.width > 0xFFFF || y.height > 0xFFFF) {
    throw std::invalid_argument("a JPEG picture has 1 to 65535 samples across and down");
  }
  for (const BytePlane* plane : {&y, &cb, &cr}) check(*plane, y.width, y.height);
  const auto luma = quantisers_of(kLumaQuantisers, quality), chroma = quantisers_of(kChromaQuantisers, quality);
  const Quantiser luma_quantiser(luma), chroma_quantiser(chroma);
  std::array<Component, 3> components = {Component{&y, &luma_quantiser, &kLumaDcCodes, &kLumaAcCodes},
                                         Component{&cb, &chroma_quantiser, &kChromaDcCodes, &kChromaAcCodes},
                                         Component{&cr, &chroma_quantiser, &kChromaDcCodes, &kChromaAcCodes}};
  const std::vector<std::uint8_t> scan = encode_scan(components, y.width, y.height);
  std::vector<std::uint8_t> bytes;
  bytes.reserve(scan.size() + scan.size() / 64 + 1024);
  put_header(bytes, y.width, y.height, luma, chroma);
  put_stuffed(bytes, scan);
  bytes.insert(bytes.end(), {0xFF, 0xD9});  // end of image
  return bytes;
}

}  // namespace videotx
