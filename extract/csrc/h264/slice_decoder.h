// Reads slice_data() (clause 7.3.4): every macroblock of a slice into a picture.
#pragma once

#include <map>
#include <memory>

#include "h264/direct_prediction.h"
#include "h264/macroblock.h"

namespace videotx::h264 {

// What is wanted besides motion.
struct Wish {
  bool residual = false;
  bool intra_residual = false;  // of intra macroblocks too; it and the weights serve to check the reader
  bool weights = false;
};

class SliceDecoder {
 public:
  explicit SliceDecoder(Wish wish) : wish_(wish) {}

  // `bits` stands at slice_data(). Throws DamagedData; what was read until then stays in the picture.
  void decode(const BitReader& bits, const SliceHeader& header, const std::shared_ptr<Picture>& picture,
              std::array<ReferenceList, 2> lists);

 private:
  void begin(const SliceHeader& header, Picture& picture, std::array<ReferenceList, 2> lists);

  Wish wish_;
  Slice slice_;
  DirectPrediction direct_;
  std::shared_ptr<const PictureParameterSet> scale_owner_;
  std::unique_ptr<LevelScale> scale_;
};

}  // namespace videotx::h264
