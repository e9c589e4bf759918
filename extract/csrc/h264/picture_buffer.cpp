#include "h264/picture_buffer.h"

#include <algorithm>
#include <utility>

namespace videotx::h264 {

void PictureBuffer::update_picture_numbers(const SliceHeader& header) {
  for (const PicturePointer& p : references_) {
    const auto frame_num = static_cast<std::int32_t>(p->frame_num);
    p->frame_num_wrap = p->frame_num > header.frame_num ? frame_num - (1 << header.sps->log2_max_frame_num) : frame_num;
  }
}

void PictureBuffer::store(const SliceHeader& header, const PicturePointer& picture) {
  if (header.nal_ref_idc != 0) mark(header, *picture);
  if (picture->is_reference()) references_.push_back(picture);
  drop_unused();
  if (picture->resets_order) flush(false);
  if (!picture->display) {
    display_->never_display(picture->coded.id);
    return;
  }
  waiting_.push_back(picture);
  const auto limit = static_cast<std::size_t>(header.sps->max_waiting_pictures());
  while (waiting_.size() > limit) show_first();
}

void PictureBuffer::store_inferred(const SliceHeader& header, const PicturePointer& picture) {
  update_picture_numbers(header);
  slide_window(header.sps->max_num_ref_frames, *picture);
  picture->marking = Marking::kShortTerm;
  references_.push_back(picture);
  drop_unused();
  display_->never_display(picture->coded.id);
}

void PictureBuffer::flush(bool forget) {
  while (!waiting_.empty()) show_first();
  if (forget) references_.clear();
}

void PictureBuffer::show_first() {
  const auto first = std::ranges::min_element(waiting_, {}, [](const PicturePointer& p) { return p->order_count(); });
  const PicturePointer picture = *first;
  waiting_.erase(first);
  picture->export_motion();
  if (weights_) picture->export_weights();
  display_->display(std::move(picture->coded));
}

void PictureBuffer::mark(const SliceHeader& header, Picture& picture) {
  picture.marking = Marking::kShortTerm;
  if (header.idr) {
    references_.clear();
    if (header.long_term_reference) {
      picture.marking = Marking::kLongTerm;
      picture.long_term_frame_idx = 0;
    }
    return;
  }
  if (!header.adaptive_marking) {
    slide_window(header.sps->max_num_ref_frames, picture);
    return;
  }
  for (const MarkingOperation& op : header.marking) apply(op, header, picture);
  drop_unused();
  // Sound streams leave room for the picture; damaged ones must not grow the buffer without bound.
  const auto limit = static_cast<std::size_t>(std::max(header.sps->max_num_ref_frames, 1));
  if (references_.size() >= limit) slide_window(header.sps->max_num_ref_frames, picture);
}

void PictureBuffer::apply(const MarkingOperation& op, const SliceHeader& header, Picture& picture) {
  const auto short_term = [&](std::uint32_t difference_minus1) -> Picture* {
    const std::int64_t wanted = std::int64_t{header.frame_num} - difference_minus1 - 1;
    for (const PicturePointer& p : references_) {
      if (p->marking == Marking::kShortTerm && p->frame_num_wrap == wanted) return p.get();
    }
    return nullptr;
  };
  switch (op.operation) {
    case 1:
      if (Picture* p = short_term(op.first)) p->marking = Marking::kUnused;
      break;
    case 2:
      release_long_term(op.first);
      break;
    case 3:
      if (Picture* p = short_term(op.first)) {
        release_long_term(op.second);
        p->marking = Marking::kLongTerm;
        p->long_term_frame_idx = op.second;
      }
      break;
    case 4:
      for (const PicturePointer& p : references_) {
        if (p->marking == Marking::kLongTerm && p->long_term_frame_idx >= op.first) p->marking = Marking::kUnused;
      }
      break;
    case 5: {
      for (const PicturePointer& p : references_) p->marking = Marking::kUnused;
      // The picture counts from here on as if it had been an IDR picture (clause 8.2.1).
      const std::int32_t order = picture.order_count();
      picture.top_field_order_count -= order;
      picture.bottom_field_order_count -= order;
      picture.frame_num = 0;
      picture.resets_order = true;
      break;
    }
    default:  // 6
      release_long_term(op.first);
      picture.marking = Marking::kLongTerm;
      picture.long_term_frame_idx = op.first;
  }
}

void PictureBuffer::release_long_term(std::uint32_t frame_idx) {
  for (const PicturePointer& p : references_) {
    if (p->marking == Marking::kLongTerm && p->long_term_frame_idx == frame_idx) p->marking = Marking::kUnused;
  }
}

void PictureBuffer::slide_window(int max_num_ref_frames, const Picture& current) {  // clause 8.2.5.3
  const auto limit = static_cast<std::size_t>(std::max(max_num_ref_frames, 1));
  drop_unused();
  while (references_.size() >= limit) {
    auto oldest = references_.end();
    for (auto p = references_.begin(); p != references_.end(); ++p) {
      if ((*p)->marking != Marking::kShortTerm || p->get() == &current) continue;
      if (oldest == references_.end() || (*p)->frame_num_wrap < (*oldest)->frame_num_wrap) oldest = p;
    }
    references_.erase(oldest != references_.end() ? oldest : references_.begin());
  }
}

void PictureBuffer::drop_unused() {
  std::erase_if(references_, [](const PicturePointer& p) { return !p->is_reference(); });
}

}  // namespace videotx::h264
