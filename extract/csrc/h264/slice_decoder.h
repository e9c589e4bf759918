// Reads slice_data() (clause 7.3.4): every macroblock of a slice into a picture.
#pragma once

#include <map>
#include <memory>

#include "h264/direct_prediction.h"
#include "h264/macroblock.h"

namespace videotx::h264 {

struct ResidualWish {
  bool inter = false;
  bool intra = false;  // of intra macroblocks too; meant for checking the reader
};

class SliceDecoder {
 public:
  explicit SliceDecoder(ResidualWish wish) : wish_(wish) {}

  // `bits` stands at slice_data(). Throws DamagedData; what was read until then stays in the picture.
  void decode(const BitReader& bits, const SliceHeader& header, const std::shared_ptr<Picture>& picture,
              std::array<ReferenceList, 2> lists);

 private:
  void begin(const SliceHeader& header, Picture& picture, std::array<ReferenceList, 2> lists);

  ResidualWish wish_;
  Slice slice_;
  DirectPrediction direct_;
  std::shared_ptr<const PictureParameterSet> scale_owner_;
  std::unique_ptr<LevelScale> scale_;
};

}  // namespace videotx::h264
