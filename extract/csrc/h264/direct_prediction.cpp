#include "h264/direct_prediction.h"

#include <algorithm>
#include <cstdlib>

#include "h264/motion_prediction.h"

namespace videotx::h264 {

std::int32_t dist_scale_factor(std::int32_t current, std::int32_t poc0, std::int32_t poc1) {
  const std::int32_t tb = std::clamp(current - poc0, -128, 127);
  const std::int32_t td = std::clamp(poc1 - poc0, -128, 127);
  const std::int32_t tx = (16384 + std::abs(td / 2)) / td;
  return std::clamp((tb * tx + 32) >> 6, -1024, 1023);
}

bool no_distance(std::int32_t poc0, std::int32_t poc1) { return poc0 == poc1; }

namespace {

std::int16_t scaled(std::int32_t factor, std::int16_t component) {
  return static_cast<std::int16_t>((factor * component + 128) >> 8);
}

bool nearly_still(MotionVector mv) { return mv.x >= -1 && mv.x <= 1 && mv.y >= -1 && mv.y <= 1; }

std::int8_t min_positive(std::int8_t a, std::int8_t b) { return a >= 0 && b >= 0 ? std::min(a, b) : std::max(a, b); }

}  // namespace

void DirectPrediction::prepare(const Slice& slice) {
  spatial_ = slice.header->direct_spatial;
  inference_8x8_ = slice.sps->direct_8x8_inference;
  const ReferenceList& list1 = slice.lists[1];
  colocated_ = list1.empty() ? nullptr : list1[0].picture.get();
  interlaced_ = !slice.sps->frame_mbs_only;
  // An inferred frame holds no motion, and neither does one of another size.
  if (colocated_ != nullptr && colocated_->slice_of_macroblock.size() != slice.picture->slice_of_macroblock.size()) {
    colocated_ = nullptr;
  }
  colocated_short_term_ = colocated_ != nullptr && list1[0].marking() == Marking::kShortTerm;
  if (!spatial_ && !interlaced_) map_references(slice);
}

void DirectPrediction::map_references(const Slice& slice) {
  const ReferenceList& list0 = slice.lists[0];
  const Picture* picture1 = slice.lists[1].empty() ? nullptr : slice.lists[1][0].picture.get();
  for (std::size_t i = 0; i < list0.size(); ++i) {
    const Picture* picture0 = list0[i].picture.get();
    unscaled_[i] = picture0 == nullptr || picture1 == nullptr || picture0->marking() == Marking::kLongTerm ||
                   no_distance(picture0->order_count(), picture1->order_count());
    scale_[i] = unscaled_[i] ? 256
                             : dist_scale_factor(slice.picture->order_count(), picture0->order_count(),
                                                 picture1->order_count());
  }
  map_.clear();
  if (colocated_ == nullptr) return;
  for (const SliceRecord& record : colocated_->slices) {
    auto& lists = map_.emplace_back();
    for (std::size_t list = 0; list < 2; ++list) {
      for (std::size_t i = 0; i < kMaxReferences; ++i) {
        const PictureId id = record.references[list][i];
        const auto found = std::ranges::find_if(
            list0, [id](const Reference& r) { return r && id != kNoPicture && r.picture->coded.id == id; });
        lists[list][i] = static_cast<std::int8_t>(found == list0.end() ? -1 : found - list0.begin());
      }
    }
  }
}

DirectPrediction::Colocated DirectPrediction::colocated(const Macroblock& mb, int column, int row) const {
  if (colocated_ == nullptr) return {-1, {}, false, 0};
  const std::uint16_t slice = colocated_->slice_of_macroblock[mb.address];
  if (slice == kNoSlice) return {-1, {}, false, 0};
  const auto columns = static_cast<std::size_t>(colocated_->coded.macroblock_columns);
  const auto x = static_cast<std::size_t>(mb.column * 4 + column);
  const auto y = static_cast<std::size_t>(mb.row * 4 + row);
  const std::size_t at8 = y / 2 * columns * 2 + x / 2;
  const std::size_t at4 = y * columns * 4 + x;
  for (std::size_t list = 0; list < 2; ++list) {
    const std::int8_t ref = colocated_->ref_index[list][at8];
    if (ref >= 0) return {ref, colocated_->mv[list][at4], list == 1, slice};
  }
  return {-1, {}, false, slice};
}

void DirectPrediction::predict(const Slice& slice, Macroblock& mb, unsigned blocks) const {
  if (spatial_) {
    predict_spatial(slice, mb, blocks);
  } else if (interlaced_) {
    predict_field_temporal(slice, mb, blocks);
  } else {
    predict_temporal(mb, blocks);
  }
}

void DirectPrediction::predict_spatial(const Slice& slice, Macroblock& mb, unsigned blocks) const {  // clause 8.4.1.2.2
  std::array<std::int8_t, 2> ref{};
  std::array<MotionVector, 2> mv{};
  for (std::size_t list = 0; list < 2; ++list) {
    const NeighbourMotion c = neighbour_c(mb, list, 0, 0, 4);
    const std::int8_t nearest = min_positive(mb.ref[list][cell(-1, 0)], min_positive(mb.ref[list][cell(0, -1)], c.ref));
    ref[list] = nearest < 0 ? kUnused : nearest;
  }
  const bool zero = ref[0] < 0 && ref[1] < 0;
  for (std::size_t list = 0; list < 2; ++list) {
    if (zero) {
      ref[list] = 0;
    } else if (ref[list] >= 0) {
      mv[list] = predict_median(mb, list, 0, 0, 4, ref[list]);
    }
  }
  for (int block = 0; block < 4; ++block) {
    if ((blocks >> block & 1) == 0) continue;
    const int x = block % 2 * 2;
    const int y = block / 2 * 2;
    for (std::size_t list = 0; list < 2; ++list) {
      fill_ref(mb, list, x, y, 2, 2, ref[list]);
      fill_mv(mb, list, x, y, 2, 2, mv[list]);
    }
    if (zero || !colocated_short_term_) continue;
    const auto clear = [&](int column, int row, int size) {
      for (std::size_t list = 0; list < 2; ++list) {
        if (ref[list] == 0) fill_mv(mb, list, column, row, size, size, MotionVector{});
      }
    };
    if (interlaced_) {
      const FieldColocated col = field_colocated(slice, mb, block);
      if (col.ref == 0 && nearly_still(col.mv)) clear(x, y, 2);
      continue;
    }
    if (inference_8x8_) {
      const Colocated col = colocated(mb, x / 2 * 3, y / 2 * 3);
      if (col.ref == 0 && nearly_still(col.mv)) clear(x, y, 2);
      continue;
    }
    for (int i = 0; i < 4; ++i) {
      const Colocated col = colocated(mb, x + i % 2, y + i / 2);
      if (col.ref == 0 && nearly_still(col.mv)) clear(x + i % 2, y + i / 2, 1);
    }
  }
}

void DirectPrediction::predict_temporal(Macroblock& mb, unsigned blocks) const {  // clause 8.4.1.2.3
  const auto predict_block = [&](const Colocated& col, int column, int row, int size) {
    std::int8_t ref0 = 0;
    if (col.ref >= 0) {
      ref0 = map_[col.slice][col.from_list1 ? 1 : 0][static_cast<std::size_t>(col.ref)];
      if (ref0 < 0) throw DamagedData("temporal direct prediction from a picture that is not in list 0");
    }
    const auto r = static_cast<std::size_t>(ref0);
    MotionVector mv0 = col.mv;
    MotionVector mv1{};
    if (!unscaled_[r]) {
      mv0 = {scaled(scale_[r], col.mv.x), scaled(scale_[r], col.mv.y)};
      mv1 = {static_cast<std::int16_t>(mv0.x - col.mv.x), static_cast<std::int16_t>(mv0.y - col.mv.y)};
    }
    fill_ref(mb, 0, column, row, size, size, ref0);
    fill_ref(mb, 1, column, row, size, size, 0);
    fill_mv(mb, 0, column, row, size, size, mv0);
    fill_mv(mb, 1, column, row, size, size, mv1);
  };
  for (int block = 0; block < 4; ++block) {
    if ((blocks >> block & 1) == 0) continue;
    const int x = block % 2 * 2;
    const int y = block / 2 * 2;
    if (inference_8x8_) {
      predict_block(colocated(mb, x / 2 * 3, y / 2 * 3), x, y, 2);
      continue;
    }
    for (int i = 0; i < 4; ++i) predict_block(colocated(mb, x + i % 2, y + i / 2), x + i % 2, y + i / 2, 1);
  }
}

std::vector<std::int16_t> implicit_weights(const Slice& slice) {
  constexpr std::size_t kTable = std::size_t{kMaxReferences} * kMaxReferences;
  std::vector<std::int16_t> weights(kTable * (slice.mbaff ? 3 : 1), 32);
  for (std::size_t table = 0; table < weights.size() / kTable; ++table) {
    // A macroblock that stands for those of its kind: of a frame, of the top field, of the bottom field.
    Macroblock mb;
    mb.field = table != 0;
    mb.row = table == 2 ? 1 : 0;
    const Structure structure = mb.field ? mb.field_structure() : slice.structure;
    const std::int32_t current = slice.picture->order_count(structure);
    const std::size_t scale = mb.field ? 2 : 1;
    for (std::size_t i = 0; i < std::min<std::size_t>(slice.lists[0].size() * scale, kMaxReferences); ++i) {
      for (std::size_t j = 0; j < std::min<std::size_t>(slice.lists[1].size() * scale, kMaxReferences); ++j) {
        const Reference r0 = reference_of(slice, mb, 0, i);
        const Reference r1 = reference_of(slice, mb, 1, j);
        if (!r0 || !r1 || no_distance(r0.order_count(), r1.order_count())) continue;
        if (r0.marking() == Marking::kLongTerm || r1.marking() == Marking::kLongTerm) continue;
        const std::int32_t w1 = dist_scale_factor(current, r0.order_count(), r1.order_count()) >> 2;
        if (w1 >= -64 && w1 <= 128) {
          weights[table * kTable + i * kMaxReferences + j] = static_cast<std::int16_t>(w1);
        }
      }
    }
  }
  return weights;
}

}  // namespace videotx::h264
