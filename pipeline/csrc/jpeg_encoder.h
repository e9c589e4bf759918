// Baseline JPEG (ITU-T T.81, JFIF of T.871) from planes, with the standard's example tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace videotx {

struct BytePlane {
  std::span<const std::uint8_t> samples;  // from the first of the first row to the last of the last
  std::size_t width = 0;
  std::size_t height = 0;
  std::size_t stride = 0;  // samples from one row to the next
};

// A 4:4:4 picture of full-range BT.601 planes. What is grey (128 in every plane) costs next to nothing.
std::vector<std::uint8_t> encode_jpeg(const BytePlane& y, const BytePlane& cb, const BytePlane& cr, int quality);

}  // namespace videotx
