// The headers of the pictures that shards hold: baseline JPEG, YCbCr, 4:2:0 or 4:4:4, one scan (ITU-T T.81).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "jpeg_error.h"
#include "jpeg_huffman.h"
#include "jpeg_transform.h"

namespace videotx {

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
  std::array<Block, 4> quantisers{};  // 0 where there is none
  std::array<DcTable, 4> dc{};
  std::array<AcTable, 4> ac{};

  [[nodiscard]] bool halved() const { return components[0].blocks == 2; }
  [[nodiscard]] int mcu() const { return 8 * components[0].blocks; }
};

// Where the entropy-coded data begin. Throws JpegError when the data are not a JPEG with a scan.
std::size_t find_scan(std::span<const std::uint8_t> data);

// Parse the headers before the scan. Throws JpegError for anything that the store does not write.
void parse_header(std::span<const std::uint8_t> header, JpegHeader& out);

}  // namespace videotx
