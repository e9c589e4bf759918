#include "jpeg_header.h"

#include <algorithm>
#include <string>

#include "jpeg_bits.h"

namespace videotx {
namespace {

constexpr std::uint8_t kStartOfImage = 0xD8;
constexpr std::uint8_t kBaseline = 0xC0;
constexpr std::uint8_t kHuffmanTables = 0xC4;
constexpr std::uint8_t kArithmeticConditioning = 0xCC;
constexpr std::uint8_t kQuantisers = 0xDB;
constexpr std::uint8_t kRestartInterval = 0xDD;
constexpr std::uint8_t kStartOfScan = 0xDA;

int u16(std::span<const std::uint8_t> data, std::size_t at) { return data[at] << 8 | data[at + 1]; }

// The segment that begins at `at`, its marker apart. Moves `at` behind it.
std::span<const std::uint8_t> segment(std::span<const std::uint8_t> data, std::size_t& at, std::uint8_t& marker) {
  if (at + 4 > data.size() || data[at] != 0xFF) {
    throw JpegError("expected a JPEG marker at byte " + std::to_string(at));
  }
  marker = data[at + 1];
  const auto length = static_cast<std::size_t>(u16(data, at + 2));
  if (length < 2 || at + 2 + length > data.size()) {
    throw JpegError("a JPEG segment of " + std::to_string(length) + " bytes at byte " + std::to_string(at) +
                    " ends beyond the data");
  }
  const auto body = data.subspan(at + 4, length - 2);
  at += 2 + length;
  return body;
}

void read_huffman(std::span<const std::uint8_t> body, JpegHeader& out) {
  while (!body.empty()) {
    const int kind = body[0] >> 4;
    const auto slot = static_cast<std::size_t>(body[0] & 15);
    if (kind > 1 || slot > 3) {
      throw JpegError("expected a Huffman table of class 0 or 1 and place 0 to 3");
    }
    const auto table = body.subspan(1);
    body = table.subspan(kind == 1 ? read_table(table, out.ac[slot]) : read_table(table, out.dc[slot]));
  }
}

void read_quantisers(std::span<const std::uint8_t> body, JpegHeader& out) {
  for (; !body.empty(); body = body.subspan(65)) {
    if (body.size() < 65 || body[0] > 3) {
      throw JpegError("expected quantisers of 8 bits in place 0 to 3");
    }
    for (std::size_t k = 0; k < 64; ++k) {
      out.quantisers[body[0]].values[kPlace[k]] = body[1 + k];
    }
  }
}

void read_frame(std::span<const std::uint8_t> body, JpegHeader& out) {
  if (body.size() != 15 || body[0] != 8 || body[5] != 3) {
    throw JpegError("expected a JPEG of 8 bits and 3 components");
  }
  out.height = u16(body, 1);
  out.width = u16(body, 3);
  if (out.height == 0 || out.width == 0) {
    throw JpegError("expected a JPEG of at least one pixel");
  }
  for (std::size_t i = 0; i < 3; ++i) {
    JpegComponent& component = out.components[i];
    const int sampling = body[7 + 3 * i];
    component.id = body[6 + 3 * i];
    component.blocks = sampling & 15;
    component.quantiser = body[8 + 3 * i];
    const bool allowed = sampling == 0x11 || (i == 0 && sampling == 0x22);
    if (!allowed || component.quantiser > 3 || out.quantisers[component.quantiser].values[0] == 0) {
      throw JpegError("expected a JPEG of 4:2:0 or 4:4:4 with its quantisers");
    }
  }
}

void read_scan(std::span<const std::uint8_t> body, JpegHeader& out) {
  if (out.width == 0 || body.size() != 10 || body[0] != 3 || body[7] != 0 || body[8] != 63 || body[9] != 0) {
    throw JpegError("expected one baseline scan of 3 components");
  }
  for (std::size_t i = 0; i < 3; ++i) {
    JpegComponent& component = out.components[i];
    component.dc = body[2 + 2 * i] >> 4;
    component.ac = body[2 + 2 * i] & 15;
    if (body[1 + 2 * i] != component.id || component.dc > 3 || component.ac > 3 || !out.dc[component.dc].defined ||
        !out.ac[component.ac].defined) {
      throw JpegError("expected a scan of the components in order, with their Huffman tables");
    }
  }
}

}  // namespace

std::size_t find_scan(std::span<const std::uint8_t> data) {
  if (data.size() < 4 || data[0] != 0xFF || data[1] != kStartOfImage) {
    throw JpegError("expected a JPEG, got " + std::to_string(data.size()) + " bytes that do not begin like one");
  }
  std::uint8_t marker = 0;
  std::size_t at = 2;
  while (marker != kStartOfScan) {
    (void)segment(data, at, marker);
  }
  return at;
}

void parse_header(std::span<const std::uint8_t> header, JpegHeader& out) {
  out.width = out.height = 0;
  out.components = {};
  out.quantisers = {};
  for (std::size_t slot = 0; slot < 4; ++slot) {
    out.dc[slot].defined = out.ac[slot].defined = false;
  }
  std::uint8_t marker = 0;
  std::size_t at = 2;
  while (marker != kStartOfScan) {
    const auto body = segment(header, at, marker);
    if (marker == kBaseline) {
      read_frame(body, out);
    } else if (marker == kHuffmanTables) {
      read_huffman(body, out);
    } else if (marker == kQuantisers) {
      read_quantisers(body, out);
    } else if (marker == kStartOfScan) {
      read_scan(body, out);
    } else if (marker == kRestartInterval && (body.size() != 2 || u16(body, 0) != 0)) {
      throw JpegError("expected a JPEG without restart intervals");
    } else if (marker > kBaseline && marker <= 0xCF && marker != kArithmeticConditioning) {
      throw JpegError("expected a baseline JPEG");
    }
  }
}

}  // namespace videotx
