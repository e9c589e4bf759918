#include "velocity.h"

#include <cmath>

#include "clones.h"

namespace videotx {
namespace {

// Two estimates of one block's velocity that differ by more (px per frame) are of different things.
constexpr float kContradiction = 1.5F;

// What the search for a block in another picture needs to know of the grid.
struct Places {
  float per_block;
  float last_column;
  float last_row;
  std::int32_t columns;

  explicit Places(const Grid& grid)
      : per_block(1.0F / grid.block),
        last_column(static_cast<float>(grid.columns - 1)),
        last_row(static_cast<float>(grid.rows - 1)),
        columns(grid.columns) {}

  // Index of the cell that holds a position, clamped to the grid.
  [[nodiscard]] std::int32_t cell(float x, float y) const {
    float column = x * per_block;
    float row = y * per_block;
    column = column > 0.0F ? column : 0.0F;
    row = row > 0.0F ? row : 0.0F;
    column = column < last_column ? column : last_column;
    row = row < last_row ? row : last_row;
    return static_cast<std::int32_t>(row) * columns + static_cast<std::int32_t>(column);
  }
};

// What another picture, `away` frames later (or, negative, earlier), says about the block at (x, y): the velocity v with
// v = field(position + away * v), searched from a guess. The index of the cell that knows, which may know nothing.
VIDEOTX_INLINE std::int32_t pull(const Places& places, const float* field_x, const float* field_y,
                                 const float* field_rate, float x, float y, float away, float guess_x,
                                 float guess_y) {
  const std::int32_t first = places.cell(x + away * guess_x, y + away * guess_y);
  const float rate = field_rate[first];
  const float found_x = field_x[first];
  const float found_y = field_y[first];
  // Products instead of choices: a load that only one choice needs would become a branch.
  const float known = rate != 0.0F ? 1.0F : 0.0F;
  const float next_x = known * found_x + (1.0F - known) * guess_x;
  const float next_y = known * found_y + (1.0F - known) * guess_y;
  return places.cell(x + away * next_x, y + away * next_y);
}

}  // namespace

Centres::Centres(const Grid& grid) : x(grid.size()), y(grid.size()) {
  const auto columns = static_cast<std::size_t>(grid.columns);
  for (std::size_t cell = 0; cell < grid.size(); ++cell) {
    x[cell] = (static_cast<float>(cell % columns) + 0.5F) * grid.block;
    y[cell] = (static_cast<float>(cell / columns) + 0.5F) * grid.block;
  }
}

VIDEOTX_CLONES void offer_list(const std::int16_t* mv, const std::int8_t* ref, std::size_t cells,
                               Side past, Side future) {
  float* past_x = past.x;
  float* past_y = past.y;
  float* past_rate = past.rate;
  float* future_x = future.x;
  float* future_y = future.y;
  float* future_rate = future.rate;
  // 0 keeps what is there, 1 replaces it, 1/2 takes the mean.
  const auto share = [](float offered, float kept) {
    const float equal = offered == kept ? 0.5F : 0.0F;
    const float better = offered > kept ? 1.0F : equal;
    return offered > 0.0F ? better : 0.0F;
  };
  VIDEOTX_INDEPENDENT
  for (std::size_t cell = 0; cell < cells; ++cell) {
    const std::int32_t distance = ref[cell];
    const bool known = distance != 0 && distance != kRefUnknown;
    const float inverse = 1.0F / static_cast<float>(known ? distance : 1);
    const float x = static_cast<float>(mv[2 * cell]) * 0.25F * inverse;
    const float y = static_cast<float>(mv[2 * cell + 1]) * 0.25F * inverse;
    const float of_past = known && distance < 0 ? -inverse : 0.0F;
    const float of_future = known && distance > 0 ? inverse : 0.0F;
    const float to_past = share(of_past, past_rate[cell]);
    const float to_future = share(of_future, future_rate[cell]);
    past_x[cell] += to_past * (x - past_x[cell]);
    past_y[cell] += to_past * (y - past_y[cell]);
    past_rate[cell] = of_past > past_rate[cell] ? of_past : past_rate[cell];
    future_x[cell] += to_future * (x - future_x[cell]);
    future_y[cell] += to_future * (y - future_y[cell]);
    future_rate[cell] = of_future > future_rate[cell] ? of_future : future_rate[cell];
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

VIDEOTX_CLONES std::size_t fill_known(const Grid& grid, const Centres& centres, View own, View behind, View opposite,
                                      float frames_away, Side side) {
  const Places places(grid);
  const float* at_x = centres.x.data();
  const float* at_y = centres.y.data();
  const float* own_x = own.x;
  const float* own_y = own.y;
  const float* own_rate = own.rate;
  const float* behind_x = behind.x;
  const float* behind_y = behind.y;
  const float* other_x = opposite.x;
  const float* other_y = opposite.y;
  const float* other_rate = opposite.rate;
  float* out_x = side.x;
  float* out_y = side.y;
  float* out_rate = side.rate;
  std::int32_t* out_filled = side.filled;
  const auto count = static_cast<std::int32_t>(grid.size());
  std::int32_t unknown = 0;
  VIDEOTX_INDEPENDENT
  for (std::int32_t cell = 0; cell < count; ++cell) {
    const float x = own_x[cell];
    const float y = own_y[cell];
    const float rate = own_rate[cell];
    const float lost = rate > 0.0F ? 0.0F : 1.0F;  // its velocity is 0 then
    const std::int32_t found = pull(places, other_x, other_y, other_rate, at_x[cell], at_y[cell], frames_away,
                                    x + lost * behind_x[cell], y + lost * behind_y[cell]);
    const float found_x = other_x[found];
    const float found_y = other_y[found];
    const float found_rate = other_rate[found];
    const float wanted = rate < 1.0F ? found_rate : 0.0F;
    const float best = wanted > rate ? wanted : rate;
    const float better = wanted > rate ? 1.0F : 0.0F;
    out_x[cell] = better * found_x + (1.0F - better) * x;
    out_y[cell] = better * found_y + (1.0F - better) * y;
    out_rate[cell] = best;
    out_filled[cell] = best == 0.0F ? 1 : 0;
    unknown += best == 0.0F ? 1 : 0;
  }
  return static_cast<std::size_t>(unknown);
}

VIDEOTX_CLONES std::size_t take_further(const Grid& grid, const Centres& centres, View further, float frames_away,
                                        float highest_rate, bool steady, Side side) {
  const Places places(grid);
  const float* at_x = centres.x.data();
  const float* at_y = centres.y.data();
  const float* further_x = further.x;
  const float* further_y = further.y;
  const float* further_rate = further.rate;
  float* out_x = side.x;
  float* out_y = side.y;
  float* out_rate = side.rate;
  std::int32_t* out_filled = side.filled;
  const auto count = static_cast<std::int32_t>(grid.size());
  const float least_apart = steady ? kContradiction : 0.0F;
  std::int32_t covered = 0;
  VIDEOTX_INDEPENDENT
  for (std::int32_t cell = 0; cell < count; ++cell) {
    const std::int32_t unknown = out_filled[cell];
    const float x = out_x[cell];
    const float y = out_y[cell];
    const float rate = out_rate[cell];
    const auto lost = static_cast<float>(unknown);  // its velocity is 0 then
    const std::int32_t found = pull(places, further_x, further_y, further_rate, at_x[cell], at_y[cell], frames_away,
                                    x + lost * further_x[cell], y + lost * further_y[cell]);
    const float away_x = further_x[found] - x;
    const float away_y = further_y[found] - y;
    const float found_rate = further_rate[found];
    const float apart = std::fabs(away_x) + std::fabs(away_y);
    // Either weighs with the square of its distance in frames: share = 1 / (1 + (found_rate / rate)^2).
    const float mixed = rate * rate / (rate * rate + found_rate * found_rate + 1e-20F);
    const float agreed = apart < least_apart ? mixed : 0.0F;
    const float closer = found_rate < rate ? agreed : 0.0F;
    const float share = unknown != 0 ? 1.0F : closer;
    const std::int32_t usable =
        static_cast<std::int32_t>(found_rate > 0.0F) & static_cast<std::int32_t>(found_rate <= highest_rate);
    const float used = static_cast<float>(usable) * share;
    const std::int32_t taken = usable & unknown;
    out_x[cell] = x + used * away_x;
    out_y[cell] = y + used * away_y;
    out_rate[cell] = taken != 0 ? found_rate : rate;
    out_filled[cell] = unknown & ~taken;
    covered += taken;
  }
  return static_cast<std::size_t>(covered);
}

}  // namespace videotx
