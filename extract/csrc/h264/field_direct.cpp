// Direct prediction where frames may be made of fields or of field macroblocks (clause 8.4.1.2). There,
// direct_8x8_inference_flag is always set: the corner blocks of the co-located macroblocks count.
#include <algorithm>
#include <cstdlib>

#include "h264/direct_prediction.h"
#include "h264/motion_prediction.h"

namespace videotx::h264 {
namespace {

// Of a frame made of fields, that one whose order is nearer to the current frame's counts (Table 8-6).
std::size_t nearer_field(const Picture& colocated, const Picture& current) {
  const auto distance = [&](std::size_t parity) {
    return std::abs(std::int64_t{colocated.field_order_count[parity]} - current.order_count());
  };
  return distance(0) < distance(1) ? 0 : 1;
}

}  // namespace

// Table 8-8, by places in the frame: field macroblocks of field pictures stand as those of MBAFF frames do.
DirectPrediction::FieldColocated DirectPrediction::field_colocated(const Slice& slice, const Macroblock& mb,
                                                                   int block) const {
  FieldColocated result;
  if (colocated_ == nullptr) return result;
  const auto columns = static_cast<std::size_t>(slice.columns);
  const auto lower = static_cast<std::size_t>(block / 2);
  const std::size_t first = static_cast<std::size_t>(mb.row / 2 * 2) * columns + static_cast<std::size_t>(mb.column);
  const auto odd = static_cast<std::size_t>(mb.row % 2);
  const std::size_t pair_row = mb.address / columns / 2 * 2;
  result.field = colocated_->is_field(first);
  std::size_t second = odd;  // whether it is the second macroblock of the pair
  std::size_t row = lower * 3;
  if (mb.field && result.field) {
    // A field of a frame that was coded in fields may be of the other parity.
    const std::uint16_t owner = colocated_->slice_of_macroblock[mb.address];
    const bool own_fields = owner == kNoSlice || colocated_->slices[owner].structure != Structure::kFrame;
    if (slice.structure != Structure::kFrame && own_fields) second = parity_of(slice.lists[1][0].structure);
  } else if (mb.field) {
    second = lower;
    row = lower * 2;
  } else if (result.field) {
    second = nearer_field(*colocated_, *slice.picture);
    row = odd * 2 + lower;
  }
  result.place = first + second * columns;
  if (colocated_->slice_of_macroblock[result.place] == kNoSlice) return result;
  const auto column = static_cast<std::size_t>(mb.column) * 4 + static_cast<std::size_t>(block % 2) * 3;
  const std::size_t y = (pair_row + second) * 4 + row;
  for (std::size_t list = 0; list < 2; ++list) {
    const std::int8_t ref = colocated_->ref_index[list][y / 2 * columns * 2 + column / 2];
    if (ref < 0) continue;
    result.ref = ref;
    result.list = list;
    result.mv = colocated_->mv[list][y * columns * 4 + column];
    break;
  }
  return result;
}

void DirectPrediction::predict_field_temporal(const Slice& slice, Macroblock& mb, unsigned blocks) const {
  const bool mbaff_field = slice.mbaff && mb.field;
  const Structure structure = mbaff_field ? mb.field_structure() : slice.structure;
  const std::int32_t current = slice.picture->order_count(structure);
  const Reference reference1 = reference_of(slice, mb, 1, 0);
  const std::size_t num_references = slice.lists[0].size() * (mbaff_field ? 2 : 1);
  // The index in list 0 of what the co-located block refers to: that field, or the frame with it, or that frame's field
  // of the current parity.
  const auto map = [&](const FieldColocated& col) -> std::size_t {
    ReferenceId wanted = colocated_->reference_of(col.place, col.list, col.ref);
    if (!mb.field) {
      wanted.structure = Structure::kFrame;
    } else if (wanted.structure == Structure::kFrame) {
      wanted.structure = structure;
    }
    for (std::size_t i = 0; i < num_references && wanted.id != kNoPicture; ++i) {
      const Reference candidate = reference_of(slice, mb, 0, i);
      if (candidate && candidate.picture->coded.id == wanted.id && candidate.structure == wanted.structure) return i;
    }
    throw DamagedData("temporal direct prediction from a picture that is not in list 0");
  };
  for (int block = 0; block < 4; ++block) {
    if ((blocks >> block & 1) == 0) continue;
    const FieldColocated col = field_colocated(slice, mb, block);
    const std::size_t ref0 = col.ref >= 0 ? map(col) : 0;
    MotionVector mv_col = col.mv;
    if (mb.field && !col.field) mv_col.y = static_cast<std::int16_t>(mv_col.y / 2);
    if (!mb.field && col.field) mv_col.y = static_cast<std::int16_t>(mv_col.y * 2);
    MotionVector mv0 = mv_col;
    MotionVector mv1{};
    const Reference reference0 = reference_of(slice, mb, 0, ref0);
    if (reference0 && reference1 && reference0.marking() != Marking::kLongTerm &&
        !no_distance(reference0.order_count(), reference1.order_count())) {
      const std::int32_t scale = dist_scale_factor(current, reference0.order_count(), reference1.order_count());
      mv0 = {static_cast<std::int16_t>((scale * mv_col.x + 128) >> 8),
             static_cast<std::int16_t>((scale * mv_col.y + 128) >> 8)};
      mv1 = {static_cast<std::int16_t>(mv0.x - mv_col.x), static_cast<std::int16_t>(mv0.y - mv_col.y)};
    }
    const int x = block % 2 * 2;
    const int y = block / 2 * 2;
    fill_ref(mb, 0, x, y, 2, 2, static_cast<std::int8_t>(ref0));
    fill_ref(mb, 1, x, y, 2, 2, 0);
    fill_mv(mb, 0, x, y, 2, 2, mv0);
    fill_mv(mb, 1, x, y, 2, 2, mv1);
  }
}

}  // namespace videotx::h264
