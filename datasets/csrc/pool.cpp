#include "pool.h"

#include <algorithm>
#include <array>
#include <vector>

#include "clones.h"
#include "lanes.h"

namespace videotx {
namespace {

using Eight = std::array<float, kLanes>;  // one number of each of eight cells
using Whole = std::array<std::int32_t, kLanes>;

// Floats as whole numbers of the same order, and back: those below 0 are counted from the other end.
VIDEOTX_INLINE IntLanes in_order(IntLanes bits) { return bits ^ ((bits >> 31) & 0x7FFFFFFF); }

VIDEOTX_INLINE void sort_two(Whole& low, Whole& high) {
  const auto a = load_lanes<IntLanes>(low.data()), b = load_lanes<IntLanes>(high.data());
  store_lanes(low.data(), a < b ? a : b);
  store_lanes(high.data(), a > b ? a : b);
}

struct Pair {
  std::size_t low;
  std::size_t high;
};

// Which pairs to sort, one after the other, so that `count` numbers are sorted whatever they are: Batcher's merging of odd
// and even numbers (1968).
std::vector<Pair> sorting_network(std::size_t count) {
  std::vector<Pair> pairs;
  for (std::size_t sorted = 1; sorted < count; sorted *= 2) {
    for (std::size_t apart = sorted; apart >= 1; apart /= 2) {
      for (std::size_t first = apart % sorted; first + apart < count; first += 2 * apart) {
        for (std::size_t i = first; i < std::min(first + apart, count - apart); ++i) {
          if (i / (2 * sorted) == (i + apart) / (2 * sorted)) {
            pairs.push_back({i, i + apart});
          }
        }
      }
    }
  }
  return pairs;
}

// Eight cells of the pooled picture: the numbers that they are the medians of, place by place, those that say nothing last.
struct Numbers {
  std::vector<Whole> x;
  std::vector<Whole> y;
  std::vector<Whole> rate;
  IntLanes known = {};  // how many say something

  explicit Numbers(std::size_t count) : x(count), y(count), rate(count) {}
};

VIDEOTX_CLONES void collect(const Grid& fine, const Field& from, int pool, int row, int column, Numbers& out) {
  constexpr IntLanes kSteps = {0, 1, 2, 3, 4, 5, 6, 7};
  constexpr std::int32_t kLast = 0x7F800000;  // infinity
  const auto silent = static_cast<std::int32_t>(fine.stride());
  IntLanes known = {};
  for (int place = 0; place < pool * pool; ++place) {
    const int r = row * pool + place / pool;
    const IntLanes c = (kSteps + column) * pool + place % pool;
    const IntLanes inside = (c < fine.columns) & (IntLanes{} + r < fine.rows);
    const Indices places(4 * (((c + r * fine.columns) & inside) + (silent & ~inside)));
    const FourLanes cells = load_fours(&from.data()->x, places);
    const IntLanes says = cells.third > 0.0F, last = ~says & kLast;
    const auto at = static_cast<std::size_t>(place);
    store_lanes(out.x[at].data(), (in_order((IntLanes)cells.first) & says) | last);
    store_lanes(out.y[at].data(), (in_order((IntLanes)cells.second) & says) | last);
    store_lanes(out.rate[at].data(), (in_order((IntLanes)cells.third) & says) | last);
    known -= says;
  }
  store_lanes(&out.known, known);
}

// The number at place known / 2 of each cell's sorted ones; of those that have none known, 0.
VIDEOTX_CLONES void medians(std::vector<Whole>& numbers, const std::vector<Pair>& network, const IntLanes& known,
                            Eight& out) {
  for (const Pair& pair : network) {
    sort_two(numbers[pair.low], numbers[pair.high]);
  }
  IntLanes found = {};
  for (std::size_t place = 0; place <= numbers.size() / 2; ++place) {
    found |= load_lanes<IntLanes>(numbers[place].data()) & (known / 2 == static_cast<std::int32_t>(place));
  }
  store_lanes(out.data(), in_order(found) & (known > 0));
}

}  // namespace

void take_medians(const Grid& fine, const Field& from, int pool, const Grid& coarse, Cell* to) {
  const auto count = static_cast<std::size_t>(pool) * static_cast<std::size_t>(pool);
  const std::vector<Pair> network = sorting_network(count);
  Numbers numbers(count);
  Cell* const end = to + coarse.stride();
  for (int row = 0; row < coarse.rows; ++row) {
    for (int column = 0; column < coarse.columns; column += static_cast<int>(kLanes)) {
      collect(fine, from, pool, row, column, numbers);
      Eight x, y, rate;
      medians(numbers.x, network, numbers.known, x);
      medians(numbers.y, network, numbers.known, y);
      medians(numbers.rate, network, numbers.known, rate);
      const auto left = static_cast<std::size_t>(coarse.columns - column);
      for (std::size_t lane = 0; lane < std::min(kLanes, left); ++lane) {
        *to++ = {x[lane], y[lane], rate[lane]};
      }
    }
  }
  std::fill(to, end, Cell{});
}

}  // namespace videotx
