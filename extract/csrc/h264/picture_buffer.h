// The decoded picture buffer without pixels: reference marking (clause 8.2.5) and display order (clause C.4).
#pragma once

#include <deque>
#include <vector>

#include "display_resolver.h"
#include "h264/picture.h"

namespace videotx::h264 {

class PictureBuffer {
 public:
  PictureBuffer(DisplayResolver& display, bool weights) : display_(&display), weights_(weights) {}

  [[nodiscard]] const PictureList& references() const { return references_; }
  // FrameNumWrap of every short-term reference (clause 8.2.4.1), relative to the picture with this header.
  void update_picture_numbers(const SliceHeader& header);
  // Marks references as a finished picture says: a frame, or a field of one.
  void mark_references(const SliceHeader& header, const PicturePointer& picture);
  // Puts a finished frame in line for display.
  void show(const SliceHeader& header, const PicturePointer& picture);
  // A frame that is inferred for a gap in frame_num: a short-term reference, never displayed.
  void store_inferred(const SliceHeader& header, const PicturePointer& picture);
  // Displays all that waits; `forget` also drops the references (a new sequence).
  void flush(bool forget);

 private:
  // A frame, or a field of one; no picture where there is none.
  struct Chosen {
    Picture* picture = nullptr;
    Structure structure = Structure::kFrame;
  };
  // The reference that a slice of structure `current` calls by this PicNum or LongTermPicNum.
  [[nodiscard]] Chosen find(Marking marking, std::int64_t number, Structure current) const;
  void mark(const SliceHeader& header, Picture& picture);
  void apply(const MarkingOperation& op, const SliceHeader& header, Picture& picture);
  void slide_window(int max_num_ref_frames, const Picture& current);
  static void release_long_term(Picture& picture);
  void release_long_term(std::uint32_t frame_idx, const Picture& owner);
  void drop_unused();
  void show_first();

  DisplayResolver* display_;
  bool weights_;
  PictureList references_;
  PictureList waiting_;  // for display
};

}  // namespace videotx::h264
