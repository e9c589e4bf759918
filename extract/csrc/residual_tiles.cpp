#include "residual_tiles.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "lanes.h"

namespace videotx {
namespace {

// A tile is 8 rows of 8 pairs of samples; chroma has 4 rows of 8 samples there. Pairs are taken apart at the beginning and
// put together at the end, so that all that lies between is eight lanes side by side.
constexpr std::size_t kRows = 8, kPairs = kLanes, kColumns = 2 * kPairs;
constexpr std::size_t kChromaRows = kRows / 2;

static_assert(std::endian::native == std::endian::little, "the first sample of a pair is its lower half");

struct Tile {
  std::array<FloatLanes, kRows> even, odd;
};

// Samples of a plane, repeated beyond its edges, around a tile of chroma: one more on each side.
struct Surroundings {
  std::array<std::array<std::int16_t, kPairs + 2>, kChromaRows + 2> samples;
};

std::size_t tiles(std::size_t samples, std::size_t size) { return (samples + size - 1) / size; }

VIDEOTX_INLINE const std::int16_t* row_of(const SignedPlane& plane, std::size_t y) {
  return &plane.samples[y * plane.stride];
}

// For each tile of `rows` x `columns` samples, whether any of them is not zero.
VIDEOTX_INLINE void find_occupied(const SignedPlane& plane, std::size_t rows, std::size_t columns,
                                  std::vector<std::uint8_t>& occupied) {
  const auto width = static_cast<std::size_t>(plane.width), height = static_cast<std::size_t>(plane.height);
  const std::size_t across = tiles(width, columns);
  std::fill(occupied.begin(), occupied.end(), 0);
  for (std::size_t y = 0; y < height; ++y) {
    const std::int16_t* row = row_of(plane, y);
    std::uint8_t* flags = &occupied[y / rows * across];
    for (std::size_t tile = 0; tile < width / columns; ++tile) {
      for (std::size_t part = 0; part < columns; part += kPairs) {
        std::array<std::uint64_t, 2> words;
        std::memcpy(words.data(), row + tile * columns + part, sizeof words);
        flags[tile] |= (words[0] | words[1]) != 0;
      }
    }
    for (std::size_t x = width / columns * columns; x < width; ++x) flags[across - 1] |= row[x] != 0;
  }
}

VIDEOTX_INLINE void take_luma(const SignedPlane& plane, std::size_t top, std::size_t left, Tile& tile) {
  const auto width = static_cast<std::size_t>(plane.width), height = static_cast<std::size_t>(plane.height);
  for (std::size_t y = 0; y < kRows; ++y) {
    Lanes pairs = {};
    if (top + y < height) {
      const std::size_t size = std::min(kColumns, width - left) * sizeof(std::int16_t);
      const std::int16_t* samples = row_of(plane, top + y) + left;
      if (size == sizeof pairs) {  // the usual case, of a length the compiler knows
        std::memcpy(&pairs, samples, sizeof pairs);
      } else {
        std::memcpy(&pairs, samples, size);
      }
    }
    tile.even[y] = __builtin_convertvector(pairs << 16 >> 16, FloatLanes);
    tile.odd[y] = __builtin_convertvector(pairs >> 16, FloatLanes);
  }
}

// Copies what lies around a tile of chroma and says whether any of it is not zero.
VIDEOTX_INLINE bool take_surroundings(const SignedPlane& plane, std::size_t top, std::size_t left, Surroundings& around) {
  const auto width = static_cast<std::size_t>(plane.width), height = static_cast<std::size_t>(plane.height);
  const bool inside = left > 0 && left + kPairs < width;
  unsigned bits = 0;
  for (std::size_t y = 0; y < around.samples.size(); ++y) {
    const std::int16_t* row = row_of(plane, std::clamp<std::size_t>(top + y, 1, height) - 1);
    auto& out = around.samples[y];
    if (inside) {
      std::memcpy(out.data(), row + left - 1, sizeof out);
    } else {
      for (std::size_t x = 0; x < out.size(); ++x) out[x] = row[std::clamp<std::size_t>(left + x, 1, width) - 1];
    }
    for (const std::int16_t sample : out) bits |= static_cast<std::uint16_t>(sample);
  }
  return bits != 0;
}

VIDEOTX_INLINE Lanes lanes_at(const Surroundings& around, std::size_t y, std::size_t x) {
  ShortLanes samples;
  std::memcpy(&samples, &around.samples[y][x], sizeof samples);
  return __builtin_convertvector(samples, Lanes);
}

// The triangle filter at twice the size: output lies at a quarter and at three quarters between two inputs.
VIDEOTX_INLINE void take_chroma(const Surroundings& around, Tile& tile) {
  for (std::size_t y = 0; y < kRows; ++y) {
    const std::size_t near = y / 2 + 1, far = y % 2 == 0 ? near - 1 : near + 1;
    std::array<Lanes, 3> sums;  // left of the lanes, at them and right of them
    for (std::size_t x = 0; x < 3; ++x) sums[x] = 3 * lanes_at(around, near, x) + lanes_at(around, far, x);
    tile.even[y] = __builtin_convertvector(3 * sums[1] + sums[0], FloatLanes) / 16.0F;
    tile.odd[y] = __builtin_convertvector(3 * sums[1] + sums[2], FloatLanes) / 16.0F;
  }
}

// One channel of a tile: the weighted sum of the planes that have something there.
VIDEOTX_INLINE void put_channel(const std::array<const Tile*, 3>& planes, std::size_t num_planes,
                                const std::array<float, 3>& weights, float offset, std::size_t rows, std::size_t columns,
                                std::uint8_t* out, std::size_t stride) {
  for (std::size_t y = 0; y < rows; ++y) {
    FloatLanes even = weights[0] * planes[0]->even[y], odd = weights[0] * planes[0]->odd[y];
    for (std::size_t plane = 1; plane < num_planes; ++plane) {
      even += weights[plane] * planes[plane]->even[y];
      odd += weights[plane] * planes[plane]->odd[y];
    }
    const Lanes words = rounded_to_byte(even + offset) | rounded_to_byte(odd + offset) << 8;
    const UnsignedShortLanes pairs = __builtin_convertvector(words, UnsignedShortLanes);
    if (columns == kColumns) {
      std::memcpy(out + y * stride, &pairs, sizeof pairs);
    } else {
      std::memcpy(out + y * stride, &pairs, columns);
    }
  }
}

struct Target {
  std::span<std::uint8_t> samples;
  std::size_t width, height;
};

VIDEOTX_INLINE void put_tile(const std::array<const Tile*, 3>& planes, const Matrix3& matrix, float offset,
                             std::size_t top, std::size_t left, const Target& target) {
  for (std::size_t channel = 0; channel < 3; ++channel) {
    std::array<const Tile*, 3> used{};
    std::array<float, 3> weights{};
    std::size_t num_used = 0;
    for (std::size_t plane = 0; plane < 3; ++plane) {
      if (planes[plane] == nullptr || matrix[3 * channel + plane] == 0.0F) continue;
      used[num_used] = planes[plane];
      weights[num_used++] = matrix[3 * channel + plane];
    }
    if (num_used == 0) continue;
    std::uint8_t* out = &target.samples[(channel * target.height + top) * target.width + left];
    put_channel(used, num_used, weights, offset, std::min(kRows, target.height - top),
                std::min(kColumns, target.width - left), out, target.width);
  }
}

VIDEOTX_INLINE void convert_as_compiled(const std::array<SignedPlane, 3>& planes, const Matrix3& matrix, float offset,
                                        const Target& target) {
  const std::size_t down = tiles(target.height, kRows), across = tiles(target.width, kColumns);
  std::array<std::vector<std::uint8_t>, 3> occupied;
  for (std::size_t plane = 0; plane < 3; ++plane) {
    occupied[plane].resize(down * across);
    if (planes[plane].samples.empty()) continue;
    if (plane == 0) {
      find_occupied(planes[plane], kRows, kColumns, occupied[plane]);
    } else {
      find_occupied(planes[plane], kChromaRows, kPairs, occupied[plane]);
    }
  }
  std::array<Tile, 3> tile;
  Surroundings around;
  std::array<std::vector<std::uint8_t>, 3> beside;  // a column of tiles: this one and those above and below
  for (auto& flags : beside) flags.resize(across + 2);
  for (std::size_t row = 0; row < down; ++row) {
    for (std::size_t plane = 1; plane < 3; ++plane) {
      const std::uint8_t* flags = occupied[plane].data();
      const std::size_t above = row - (row > 0), below = std::min(row + 1, down - 1);
      for (std::size_t x = 0; x < across; ++x) {
        beside[plane][x + 1] = flags[above * across + x] | flags[row * across + x] | flags[below * across + x];
      }
    }
    for (std::size_t column = 0; column < across; ++column) {
      std::array<const Tile*, 3> present{};
      if (occupied[0][row * across + column] != 0) {
        take_luma(planes[0], row * kRows, column * kColumns, tile[0]);
        present[0] = &tile[0];
      }
      for (std::size_t plane = 1; plane < 3; ++plane) {
        const bool near = (beside[plane][column] | beside[plane][column + 1] | beside[plane][column + 2]) != 0;
        if (near && take_surroundings(planes[plane], row * kChromaRows, column * kPairs, around)) {
          take_chroma(around, tile[plane]);
          present[plane] = &tile[plane];
        }
      }
      if (present[0] == nullptr && present[1] == nullptr && present[2] == nullptr) continue;
      put_tile(present, matrix, offset, row * kRows, column * kColumns, target);
    }
  }
}

void convert_anywhere(const std::array<SignedPlane, 3>& planes, const Matrix3& matrix, float offset, const Target& target) {
  convert_as_compiled(planes, matrix, offset, target);
}

using Convert = void (*)(const std::array<SignedPlane, 3>&, const Matrix3&, float, const Target&);

#if defined(__x86_64__)
// The same code with eight lanes in one register. Without fused multiplication, so that the results are the same.
__attribute__((target("avx2"))) void convert_avx2(const std::array<SignedPlane, 3>& planes, const Matrix3& matrix,
                                                  float offset, const Target& target) {
  convert_as_compiled(planes, matrix, offset, target);
}

Convert best_convert() { return __builtin_cpu_supports("avx2") ? convert_avx2 : convert_anywhere; }
#else
Convert best_convert() { return convert_anywhere; }
#endif

}  // namespace

bool fit_tiles(const std::array<SignedPlane, 3>& planes, int width, int height) {
  const bool luma = planes[0].width == width && planes[0].height == height && !planes[0].samples.empty();
  return luma && std::all_of(planes.begin() + 1, planes.end(), [&](const SignedPlane& plane) {
           return plane.samples.empty() || (2 * plane.width == width && 2 * plane.height == height);
         });
}

void convert_tiles(const std::array<SignedPlane, 3>& planes, const Matrix3& matrix, float offset,
                   std::span<std::uint8_t> out) {
  static const Convert convert = best_convert();
  convert(planes, matrix, offset,
          {out, static_cast<std::size_t>(planes[0].width), static_cast<std::size_t>(planes[0].height)});
}

}  // namespace videotx
