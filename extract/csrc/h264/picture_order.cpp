#include "h264/picture_order.h"

#include <algorithm>

namespace videotx::h264 {
namespace {

// Damaged data must not overflow; sound counts are far smaller.
std::int32_t bounded(std::int64_t value) {
  constexpr std::int64_t kLimit = 1 << 30;
  return static_cast<std::int32_t>(std::clamp(value, -kLimit, kLimit));
}

}  // namespace

void PictureOrder::assign(const SliceHeader& header, Picture& picture) {
  if (header.sps->poc_type == 0) {
    assign_type0(header, picture);
    return;
  }
  const std::int32_t offset = frame_num_offset(*header.sps, header.idr, header.frame_num);
  current_frame_num_offset_ = offset;
  if (header.sps->poc_type == 1) {
    assign_type1(header, picture, offset);
    return;
  }
  std::int64_t count = 2 * (std::int64_t{offset} + header.frame_num) - (header.nal_ref_idc == 0 ? 1 : 0);
  if (header.idr) count = 0;
  set(header, picture, bounded(count), bounded(count));
}

void PictureOrder::set(const SliceHeader& header, Picture& picture, std::int32_t top, std::int32_t bottom) {
  if (!header.field_pic) {
    picture.field_order_count = {top, bottom};
  } else if (picture.first_field) {
    picture.field_order_count.fill(header.bottom_field ? bottom : top);
  } else {
    picture.field_order_count[header.bottom_field ? 1 : 0] = header.bottom_field ? bottom : top;
  }
}

void PictureOrder::assign_type0(const SliceHeader& header, Picture& picture) {  // clause 8.2.1.1
  if (header.idr) {
    previous_msb_ = 0;
    previous_lsb_ = 0;
  }
  const std::int32_t max_lsb = 1 << header.sps->log2_max_poc_lsb;
  const auto lsb = static_cast<std::int32_t>(header.pic_order_cnt_lsb);
  const auto previous = static_cast<std::int32_t>(previous_lsb_);
  std::int64_t msb = previous_msb_;
  if (lsb < previous && previous - lsb >= max_lsb / 2) {
    msb += max_lsb;
  } else if (lsb > previous && lsb - previous > max_lsb / 2) {
    msb -= max_lsb;
  }
  current_msb_ = bounded(msb);
  set(header, picture, bounded(msb + lsb), bounded(msb + lsb + header.delta_pic_order_cnt_bottom));
}

void PictureOrder::assign_type1(const SliceHeader& header, Picture& picture, std::int32_t offset) const {
  const SequenceParameterSet& sps = *header.sps;  // clause 8.2.1.2
  const auto cycle = static_cast<std::int64_t>(sps.offset_for_ref_frame.size());
  std::int64_t abs_frame_num = cycle != 0 ? std::int64_t{offset} + header.frame_num : 0;
  if (header.nal_ref_idc == 0 && abs_frame_num > 0) --abs_frame_num;
  std::int64_t expected = 0;
  if (abs_frame_num > 0) {
    std::int64_t delta_per_cycle = 0;
    for (const std::int32_t delta : sps.offset_for_ref_frame) delta_per_cycle += delta;
    expected = (abs_frame_num - 1) / cycle * delta_per_cycle;
    const auto in_cycle = static_cast<std::size_t>((abs_frame_num - 1) % cycle);
    for (std::size_t i = 0; i <= in_cycle; ++i) expected += sps.offset_for_ref_frame[i];
  }
  if (header.nal_ref_idc == 0) expected += sps.offset_for_non_ref_pic;
  const std::int64_t top = expected + header.delta_pic_order_cnt[0];
  // delta_pic_order_cnt[1] is zero where it is not sent, in fields among others.
  const std::int64_t bottom = top + sps.offset_for_top_to_bottom + header.delta_pic_order_cnt[1];
  set(header, picture, bounded(top), bounded(bottom));
}

std::int32_t PictureOrder::frame_num_offset(const SequenceParameterSet& sps, bool idr, std::uint32_t frame_num) const {
  if (idr) return 0;
  const std::int32_t wrap = previous_frame_num_ > frame_num ? 1 << sps.log2_max_frame_num : 0;
  return bounded(std::int64_t{previous_frame_num_offset_} + wrap);
}

void PictureOrder::skip_frame(const SequenceParameterSet& sps, std::uint32_t frame_num) {
  previous_frame_num_offset_ = frame_num_offset(sps, false, frame_num);
  previous_frame_num_ = frame_num;
}

void PictureOrder::finish(const SliceHeader& header, const Picture& picture) {
  if (header.has_marking(5)) {
    // The picture was renumbered as if it were an IDR picture (clause 8.2.1).
    previous_msb_ = 0;
    previous_lsb_ = header.bottom_field ? 0 : static_cast<std::uint32_t>(std::max(picture.field_order_count[0], 0));
    previous_frame_num_ = 0;
    previous_frame_num_offset_ = 0;
    return;
  }
  if (header.nal_ref_idc != 0) {
    previous_msb_ = current_msb_;
    previous_lsb_ = header.pic_order_cnt_lsb;
  }
  previous_frame_num_ = header.frame_num;
  previous_frame_num_offset_ = current_frame_num_offset_;
}

}  // namespace videotx::h264
