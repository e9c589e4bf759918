#include "velocity.h"

#include <algorithm>

#include "cells.h"
#include "clones.h"
#include "lanes.h"

namespace videotx {
namespace {

// Take an offer over what is there where it is better known, the mean of both where it is known as well.
VIDEOTX_INLINE void take(Velocities& kept, Lanes x, Lanes y, Lanes rate) {
  const IntLanes offered = rate > 0.0F;
  const Lanes share = masked(offered & (rate > kept.rate), Lanes{} + 1.0F) +
                      masked(offered & (rate == kept.rate), Lanes{} + 0.5F);
  kept.x += share * (x - kept.x);
  kept.y += share * (y - kept.y);
  kept.rate = rate > kept.rate ? rate : kept.rate;
}

// Which sides of a picture its references lead to.
enum class Sides { kPast, kFuture, kBoth };

template <Sides kSides>
VIDEOTX_INLINE void offer(const std::int16_t* mv, const std::int8_t* ref, Velocities& past, Velocities& future) {
  const auto first = load_lanes<ShortLanes>(mv), second = load_lanes<ShortLanes>(mv + kLanes);
  const ShortLanes xs = __builtin_shufflevector(first, second, 0, 2, 4, 6, 8, 10, 12, 14);
  const ShortLanes ys = __builtin_shufflevector(first, second, 1, 3, 5, 7, 9, 11, 13, 15);
  // In two steps, each of them one instruction: GCC 12 takes the bytes one by one otherwise.
  const auto shorts = __builtin_convertvector(load_lanes<ByteLanes>(ref), ShortLanes);
  const IntLanes distance = __builtin_convertvector(shorts, IntLanes);
  const IntLanes known = (distance != 0) & (distance != kRefUnknown);
  const Lanes inverse = masked(known, 1.0F / float_of(distance));
  const Lanes x = __builtin_convertvector(xs, Lanes) * 0.25F * inverse;
  const Lanes y = __builtin_convertvector(ys, Lanes) * 0.25F * inverse;
  if constexpr (kSides != Sides::kFuture) {
    take(past, x, y, masked(distance < 0, -inverse));
  }
  if constexpr (kSides != Sides::kPast) {
    take(future, x, y, masked(distance > 0, inverse));
  }
}

template <Sides kSides>
VIDEOTX_INLINE void offer_all(const std::int16_t* mv, const std::int8_t* ref, std::size_t cells, Cell* past,
                              Cell* future) {
  for (std::size_t cell = 0; cell < cells; cell += kLanes) {
    Velocities to_past = {}, to_future = {};
    for (std::size_t list = 0; list < 2; ++list) {
      const std::size_t at = list * cells + cell;
      if (cell + kLanes <= cells) {
        if (load_lanes<std::uint64_t>(ref + at) == 0) {
          continue;  // as many blocks without a vector
        }
        offer<kSides>(mv + 2 * at, ref + at, to_past, to_future);
        continue;
      }
      std::array<std::int16_t, 2 * kLanes> last_mv{};
      std::array<std::int8_t, kLanes> last_ref{};
      std::copy_n(mv + 2 * at, 2 * (cells - cell), last_mv.begin());
      std::copy_n(ref + at, cells - cell, last_ref.begin());
      offer<kSides>(last_mv.data(), last_ref.data(), to_past, to_future);
    }
    if constexpr (kSides != Sides::kFuture) {
      store_cells(past + cell, to_past);
    }
    if constexpr (kSides != Sides::kPast) {
      store_cells(future + cell, to_future);
    }
  }
}

}  // namespace

VIDEOTX_CLONES Directions directions_of(const std::int8_t* ref, std::size_t count) {
  std::uint8_t back = 0, forth = 0;
  for (std::size_t i = 0; i < count; ++i) {
    back |= static_cast<std::uint8_t>((ref[i] < 0) & (ref[i] != kRefUnknown));
    forth |= static_cast<std::uint8_t>(ref[i] > 0);
  }
  return {back != 0, forth != 0};
}

VIDEOTX_CLONES void offer_lists(const std::int16_t* mv, const std::int8_t* ref, std::size_t cells, Cell* past,
                                Cell* future) {
  if (past != nullptr && future != nullptr) {
    offer_all<Sides::kBoth>(mv, ref, cells, past, future);
  } else if (past != nullptr) {
    offer_all<Sides::kPast>(mv, ref, cells, past, future);
  } else if (future != nullptr) {
    offer_all<Sides::kFuture>(mv, ref, cells, past, future);
  }
}

VIDEOTX_CLONES std::size_t count_slower(const float* rate, std::size_t cells, float most) {
  const auto count = static_cast<std::int32_t>(cells);
  std::int32_t found = 0;
  for (std::int32_t cell = 0; cell < count; ++cell) {
    found += static_cast<std::int32_t>(rate[cell] > 0.0F) & static_cast<std::int32_t>(rate[cell] < most);
  }
  return static_cast<std::size_t>(found);
}

}  // namespace videotx
