// A frame while it is read and as long as it serves as a reference.
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
  std::array<std::array<PictureId, kMaxReferences>, 2> references{};
  int weighted_bipred_idc = 0;
  unsigned luma_log2_denominator = 0;
  unsigned chroma_log2_denominator = 0;
  std::array<std::vector<PredictionWeight>, 2> weights;
  std::vector<std::int16_t> implicit_weights;  // w1 by [refIdxL0 * 32 + refIdxL1], empty unless implicit
};

enum class Marking : std::uint8_t { kUnused, kShortTerm, kLongTerm };

struct Picture {
  CodedPicture coded;  // its motion stays empty until the picture is displayed
  bool display = true;
  bool non_existing = false;  // inferred for a gap in frame_num (clause 8.2.5.2)
  bool resets_order = false;  // IDR, or memory_management_control_operation 5

  std::int32_t top_field_order_count = 0;
  std::int32_t bottom_field_order_count = 0;
  [[nodiscard]] std::int32_t order_count() const { return std::min(top_field_order_count, bottom_field_order_count); }

  Marking marking = Marking::kUnused;
  std::uint32_t frame_num = 0;
  std::int32_t frame_num_wrap = 0;  // PicNum of a frame, relative to the current picture
  std::uint32_t long_term_frame_idx = 0;
  [[nodiscard]] bool is_reference() const { return marking != Marking::kUnused; }

  // Motion as coded: 4x4 grid of vectors, 8x8 grid of reference indices (-1: list unused), by list.
  std::array<std::vector<MotionVector>, 2> mv;
  std::array<std::vector<std::int8_t>, 2> ref_index;
  std::vector<std::uint16_t> slice_of_macroblock;  // index into `slices`, kNoSlice where missing
  std::vector<SliceRecord> slices;

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

  // Takes back what an interrupted slice left in macroblocks it did not finish, and says whether any is missing.
  bool clear_missing();
  // Fills coded.mv, coded.ref and coded.references from the motion above.
  void export_motion();
  // Fills coded.weights.
  void export_weights();
};

using PicturePointer = std::shared_ptr<Picture>;
using ReferenceList = std::vector<PicturePointer>;

}  // namespace videotx::h264
