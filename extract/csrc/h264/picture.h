// A frame, or the one or two fields that make it up, while it is read and as long as it serves as a reference.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "coded_picture.h"
#include "h264/slice_header.h"

namespace videotx::h264 {

struct MotionVector {
  std::int16_t x = 0;
  std::int16_t y = 0;
  bool operator==(const MotionVector&) const = default;
};

inline constexpr std::uint16_t kNoSlice = 0xffff;
inline constexpr int kMaxReferences = 32;

// What outlives a slice: which pictures its reference indices meant.
struct SliceRecord {
  SliceType type = SliceType::kI;
  Structure structure = Structure::kFrame;
  std::array<std::array<PictureId, kMaxReferences>, 2> references{};
  std::array<std::array<Structure, kMaxReferences>, 2> reference_structures{};
  int weighted_bipred_idc = 0;
  unsigned luma_log2_denominator = 0;
  unsigned chroma_log2_denominator = 0;
  std::array<std::vector<PredictionWeight>, 2> weights;
  // w1 by [refIdxL0 * 32 + refIdxL1], empty unless implicit; with MBAFF three such tables: for frame macroblocks and for
  // those of the top and of the bottom field.
  std::vector<std::int16_t> implicit_weights;
};

// A macroblock's reference as its slice's record means it: a frame or a field of one.
struct ReferenceId {
  PictureId id = kNoPicture;
  Structure structure = Structure::kFrame;
};

enum class Marking : std::uint8_t { kUnused, kShortTerm, kLongTerm };

struct Picture {
  CodedPicture coded;  // its motion stays empty until the picture is displayed
  bool display = true;
  bool non_existing = false;  // inferred for a gap in frame_num (clause 8.2.5.2)
  bool resets_order = false;  // IDR, or memory_management_control_operation 5
  bool first_field = false;   // it is made of fields, and the second one has not begun

  // By parity. While only one field has been read, its count stands for both.
  std::array<std::int32_t, 2> field_order_count{};
  [[nodiscard]] std::int32_t order_count() const { return std::min(field_order_count[0], field_order_count[1]); }
  [[nodiscard]] std::int32_t order_count(Structure structure) const {
    return structure == Structure::kFrame ? order_count() : field_order_count[parity_of(structure)];
  }

  std::array<Marking, 2> field_marking{};  // by parity
  // Of the whole frame, which serves as a reference for frames only where both fields do.
  [[nodiscard]] Marking marking() const {
    return field_marking[0] == field_marking[1] ? field_marking[0] : Marking::kUnused;
  }
  [[nodiscard]] Marking marking(Structure structure) const {
    return structure == Structure::kFrame ? marking() : field_marking[parity_of(structure)];
  }
  void mark(Marking marking, Structure structure = Structure::kFrame) {
    if (structure != Structure::kBottom) field_marking[0] = marking;
    if (structure != Structure::kTop) field_marking[1] = marking;
  }
  [[nodiscard]] bool has_field_marked(Marking marking) const {
    return field_marking[0] == marking || field_marking[1] == marking;
  }
  std::uint32_t frame_num = 0;
  std::int32_t frame_num_wrap = 0;  // FrameNumWrap, relative to the current picture
  std::uint32_t long_term_frame_idx = 0;
  [[nodiscard]] bool is_reference() const { return !(field_marking[0] == Marking::kUnused && field_marking[1] == Marking::kUnused); }
  // PicNum and LongTermPicNum of the frame or a field (clause 8.2.4.1), as a slice of structure `current` counts them.
  [[nodiscard]] std::int64_t pic_num(Structure structure, Structure current) const {
    return number(frame_num_wrap, structure, current);
  }
  [[nodiscard]] std::int64_t long_term_pic_num(Structure structure, Structure current) const {
    return number(long_term_frame_idx, structure, current);
  }
  static std::int64_t number(std::int64_t frame, Structure structure, Structure current) {
    return current == Structure::kFrame ? frame : 2 * frame + (structure == current ? 1 : 0);
  }

  // Every grid has a place for each macroblock of the frame. The two field macroblocks that share the lines of a pair
  // of places stand one above the other, that of the top field first, in field pictures as with MBAFF.
  // Motion as coded: 4x4 grid of vectors, 8x8 grid of reference indices (-1: list unused), by list.
  std::array<std::vector<MotionVector>, 2> mv;
  std::array<std::vector<std::int8_t>, 2> ref_index;
  std::vector<std::uint16_t> slice_of_macroblock;  // index into `slices`, kNoSlice where missing
  std::vector<SliceRecord> slices;
  [[nodiscard]] bool is_field(std::size_t place) const {
    return !coded.field_macroblock.empty() && coded.field_macroblock[place] != 0;
  }
  // What reference index `index` of `list` means for the macroblock at a place.
  [[nodiscard]] ReferenceId reference_of(std::size_t place, std::size_t list, std::int8_t index) const;

  // With its first slice known, before anything is read into it.
  void allocate(int columns, int rows) {
    const auto n = static_cast<std::size_t>(columns) * static_cast<std::size_t>(rows);
    coded.macroblock_columns = columns;
    coded.macroblock_rows = rows;
    for (std::size_t list = 0; list < 2; ++list) {
      mv[list].assign(n * 16, MotionVector{});
      ref_index[list].assign(n * 4, -1);
    }
    slice_of_macroblock.assign(n, kNoSlice);
    coded.macroblock_class.assign(n, 0);
    coded.qp.assign(n, 0);
    coded.macroblock_bits.assign(n, 0);
  }

  // Lists that macroblocks which are missing may have used: none in an I picture.
  [[nodiscard]] std::size_t num_lists() const {
    std::size_t num = coded.type == 'I' ? 0 : coded.type == 'B' ? 2 : 1;
    for (const SliceRecord& slice : slices) {
      num = std::max(num, slice.type == SliceType::kI ? std::size_t{0} : slice.type == SliceType::kB ? 2 : 1);
    }
    return num;
  }
  // Takes back what an interrupted slice left in macroblocks it did not finish, and says whether any is missing.
  bool clear_missing();
  // Fills coded.mv, coded.ref and coded.references from the motion above.
  void export_motion();
  // The same for a picture with field macroblocks; `as_coded` also fills coded_mv, coded_ref and coded_structure.
  void export_field_motion(bool as_coded);
  // Fills coded.weights.
  void export_weights();
};

// Position of `id` in `ids`, appended where it is new.
std::int8_t position_of(std::vector<PictureId>& ids, PictureId id);

using PicturePointer = std::shared_ptr<Picture>;
using PictureList = std::vector<PicturePointer>;

// An entry of a reference picture list.
struct Reference {
  PicturePointer picture;
  Structure structure = Structure::kFrame;
  explicit operator bool() const { return picture != nullptr; }
  bool operator==(const Reference&) const = default;
  [[nodiscard]] std::int32_t order_count() const { return picture->order_count(structure); }
  [[nodiscard]] Marking marking() const { return picture->marking(structure); }
};
using ReferenceList = std::vector<Reference>;

}  // namespace videotx::h264
