// The headers of the pictures that shards hold: baseline JPEG, YCbCr, 4:2:0 or 4:4:4, one scan (ITU-T T.81).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

namespace videotx {

class JpegError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// One step of entropy decoding, looked up by the next kLookAhead bits of the scan.
struct HuffmanStep {
  std::int16_t value = 0;    // the coefficient, or how many bits of it follow where `length` is below 0
  std::uint8_t skip = 0;     // zeros before it
  std::int8_t length = 0;    // bits used; below 0: of the code alone; 0: the code is longer than the look-ahead
};

inline constexpr int kLookAhead = 12;
inline constexpr int kEndOfBlock = 128;  // skips beyond the last coefficient

struct HuffmanTable {
  std::array<HuffmanStep, std::size_t{1} << kLookAhead> steps{};
  std::array<std::int32_t, 18> first_beyond{};  // by code length: the first 16-bit string too large for it
  std::array<std::int32_t, 18> offset{};        // by code length: index of a code in `symbols`, less the code
  std::array<std::uint8_t, 256> symbols{};
  bool defined = false;
};

struct JpegComponent {
  int id = 0;
  int blocks = 1;  // per MCU along each side: 2 for the luma of 4:2:0, otherwise 1
  std::size_t quantiser = 0;
  std::size_t dc = 0;
  std::size_t ac = 0;
};

struct JpegHeader {
  int width = 0;
  int height = 0;
  std::array<JpegComponent, 3> components{};
  std::array<std::array<std::int16_t, 64>, 4> quantisers{};  // zigzag order; 0 where there is none
  std::array<HuffmanTable, 4> dc{};
  std::array<HuffmanTable, 4> ac{};

  [[nodiscard]] bool halved() const { return components[0].blocks == 2; }
  [[nodiscard]] int mcu() const { return 8 * components[0].blocks; }
};

// Where the entropy-coded data begin. Throws JpegError when the data are not a JPEG with a scan.
std::size_t find_scan(std::span<const std::uint8_t> data);

// Parse the headers before the scan. Throws JpegError for anything that the store does not write.
void parse_header(std::span<const std::uint8_t> header, JpegHeader& out);

}  // namespace videotx
