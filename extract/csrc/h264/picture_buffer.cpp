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

void PictureBuffer::mark_references(const SliceHeader& header, const PicturePointer& picture) {
  if (header.nal_ref_idc == 0) return;
  mark(header, *picture);
  if (picture->is_reference() && std::ranges::find(references_, picture) == references_.end()) references_.push_back(picture);
  drop_unused();
  if (picture->resets_order) flush(false);
}

void PictureBuffer::show(const SliceHeader& header, const PicturePointer& picture) {
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
  picture->mark(Marking::kShortTerm);
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
  if (picture->coded.field_macroblock.empty()) {
    picture->export_motion();
  } else {
    picture->export_field_motion(weights_);
  }
  if (weights_) picture->export_weights();
  display_->display(std::move(picture->coded));
}

void PictureBuffer::mark(const SliceHeader& header, Picture& picture) {
  const Structure structure = header.structure();
  const bool second_field = header.field_pic && !picture.first_field;
  if (header.idr) {
    references_.clear();
    picture.mark(header.long_term_reference ? Marking::kLongTerm : Marking::kShortTerm, structure);
    picture.long_term_frame_idx = 0;
    return;
  }
  picture.mark(Marking::kShortTerm, structure);
  if (!header.adaptive_marking) {
    // A second field joins the first one (clause 8.2.5.3).
    if (!second_field) slide_window(header.sps->max_num_ref_frames, picture);
    return;
  }
  for (const MarkingOperation& op : header.marking) apply(op, header, picture);
  drop_unused();
  // Sound streams leave room for the picture; damaged ones must not grow the buffer without bound.
  slide_window(header.sps->max_num_ref_frames, picture);
}

PictureBuffer::Chosen PictureBuffer::find(Marking marking, std::int64_t number, Structure current) const {
  const auto matches = [&](const Picture& p, Structure structure) {
    if (p.marking(structure) != marking) return false;
    return (marking == Marking::kShortTerm ? p.pic_num(structure, current) : p.long_term_pic_num(structure, current)) ==
           number;
  };
  for (const PicturePointer& p : references_) {
    if (current == Structure::kFrame) {
      if (matches(*p, Structure::kFrame)) return {p.get(), Structure::kFrame};
      continue;
    }
    for (const Structure field : {Structure::kTop, Structure::kBottom}) {
      if (matches(*p, field)) return {p.get(), field};
    }
  }
  return {};
}

void PictureBuffer::apply(const MarkingOperation& op, const SliceHeader& header, Picture& picture) {
  const Structure current = header.structure();
  const auto short_term = [&](std::uint32_t difference_minus1) {
    const std::int64_t number = Picture::number(header.frame_num, current, current);
    return find(Marking::kShortTerm, number - difference_minus1 - 1, current);
  };
  switch (op.operation) {
    case 1:
      if (const Chosen p = short_term(op.first); p.picture != nullptr) p.picture->mark(Marking::kUnused, p.structure);
      break;
    case 2:
      if (const Chosen p = find(Marking::kLongTerm, op.first, current); p.picture != nullptr) {
        p.picture->mark(Marking::kUnused, p.structure);
      }
      break;
    case 3:
      if (const Chosen p = short_term(op.first); p.picture != nullptr) {
        release_long_term(op.second, *p.picture);
        p.picture->mark(Marking::kLongTerm, p.structure);
        p.picture->long_term_frame_idx = op.second;
      }
      break;
    case 4:
      for (const PicturePointer& p : references_) {
        if (p->long_term_frame_idx >= op.first) release_long_term(*p);
      }
      break;
    case 5: {
      for (const PicturePointer& p : references_) p->mark(Marking::kUnused);
      picture.mark(Marking::kShortTerm, current);
      // The picture counts from here on as if it had been an IDR picture (clause 8.2.1).
      const std::int32_t order = picture.order_count(current);
      for (std::int32_t& count : picture.field_order_count) count -= order;
      picture.frame_num = 0;
      picture.resets_order = true;
      break;
    }
    default:  // 6
      release_long_term(op.first, picture);
      picture.mark(Marking::kLongTerm, current);
      picture.long_term_frame_idx = op.first;
  }
}

void PictureBuffer::release_long_term(Picture& picture) {
  for (const Structure field : {Structure::kTop, Structure::kBottom}) {
    if (picture.marking(field) == Marking::kLongTerm) picture.mark(Marking::kUnused, field);
  }
}

// Frees an index for `owner`, which may have it already, by its other field.
void PictureBuffer::release_long_term(std::uint32_t frame_idx, const Picture& owner) {
  for (const PicturePointer& p : references_) {
    if (p.get() != &owner && p->long_term_frame_idx == frame_idx) release_long_term(*p);
  }
}

void PictureBuffer::slide_window(int max_num_ref_frames, const Picture& current) {  // clause 8.2.5.3
  const auto limit = std::max(max_num_ref_frames, 1);
  drop_unused();
  const auto is_other = [&current](const PicturePointer& p) { return p.get() != &current; };
  while (std::ranges::count_if(references_, is_other) >= limit) {
    auto oldest = references_.end();
    for (auto p = references_.begin(); p != references_.end(); ++p) {
      if (!is_other(*p) || !(*p)->has_field_marked(Marking::kShortTerm)) continue;
      if (oldest == references_.end() || (*p)->frame_num_wrap < (*oldest)->frame_num_wrap) oldest = p;
    }
    references_.erase(oldest != references_.end() ? oldest : std::ranges::find_if(references_, is_other));
  }
}

void PictureBuffer::drop_unused() {
  std::erase_if(references_, [](const PicturePointer& p) { return !p->is_reference(); });
}

}  // namespace videotx::h264
