#include "h264/slice_decoder.h"

#include <utility>

#include "h264/cabac_syntax.h"
#include "h264/cavlc_syntax.h"
#include "h264/macroblock_layer.h"

namespace videotx::h264 {
namespace {

// Walks the macroblocks of a slice in either entropy coding.
template <class Syntax>
class SliceData {
 public:
  SliceData(const BitReader& bits, Slice& slice, const DirectPrediction& direct)
      : slice_(slice),
        bits_(bits),
        syntax_(bits, slice),
        layer_(syntax_, slice, direct),
        end_(static_cast<std::size_t>(slice.columns) * static_cast<std::size_t>(slice.rows)),
        address_(slice.header->first_mb),
        mark_(syntax_.position()) {}

  void read() {
    if constexpr (Syntax::kIsCabac) {
      read_cabac();
    } else {
      read_cavlc();
    }
  }

 private:
  void read_cabac() {
    const bool inter = !slice_.header->is_intra();
    for (;;) {
      start();
      if (inter && syntax_.mb_skip_flag(mb_, slice_.header->is_b())) {
        layer_.skip(mb_);
      } else {
        layer_.read(mb_);
      }
      // Past the end the engine reads zeros for ever; a little lookahead is its nature.
      if (syntax_.position() > bits_.num_bits() + 16) throw DamagedData("slice data end too early");
      const bool last = syntax_.end_of_slice();
      finish();
      if (last) break;
    }
    // The engine's last bit is rbsp_stop_one_bit. x264 sets the last bit of that byte at will.
    const std::size_t end = syntax_.position();
    if (end > bits_.num_bits() + 1 || end + 7 < bits_.num_bits() + 1) {
      throw DamagedData("bits left over at the end of a slice");
    }
  }

  void read_cavlc() {
    const bool inter = !slice_.header->is_intra();
    while (syntax_.more_data()) {
      if (inter) {
        for (unsigned run = syntax_.skip_run(); run != 0; --run) {
          start();
          layer_.skip(mb_);
          finish();
        }
        if (!syntax_.more_data()) break;
      }
      start();
      layer_.read(mb_);
      if (syntax_.position() > bits_.num_bits()) throw DamagedData("slice data end too early");
      finish();
    }
    if (syntax_.position() != bits_.num_bits()) throw DamagedData("bits left over at the end of a slice");
  }

  void start() {
    if (address_ >= end_) throw DamagedData("more macroblocks than the picture holds");
    if (slice_.picture->slice_of_macroblock[address_] != kNoSlice) throw DamagedData("a macroblock is coded twice");
    locate(slice_, mb_, address_);
  }

  void finish() {
    Picture& picture = *slice_.picture;
    leave_neighbour(slice_, mb_, Syntax::kIsCabac);
    picture.slice_of_macroblock[address_] = slice_.index;
    picture.coded.macroblock_class[address_] = static_cast<std::uint8_t>(mb_.kind);
    const std::size_t position = syntax_.position();
    picture.coded.macroblock_bits[address_] = static_cast<std::int32_t>(position - mark_);
    mark_ = position;
    ++address_;
  }

  Slice& slice_;
  const BitReader& bits_;
  Syntax syntax_;
  MacroblockLayer<Syntax> layer_;
  Macroblock mb_{};
  std::size_t end_;
  std::size_t address_;
  std::size_t mark_;
};

SliceRecord make_record(const Slice& slice) {
  const SliceHeader& header = *slice.header;
  SliceRecord record;
  record.type = header.type;
  for (std::size_t list = 0; list < 2; ++list) {
    record.references[list].fill(kNoPicture);
    for (std::size_t i = 0; i < slice.lists[list].size(); ++i) {
      if (slice.lists[list][i]) record.references[list][i] = slice.lists[list][i]->coded.id;
    }
  }
  record.weighted_bipred_idc = header.weighted_bipred_idc;
  record.luma_log2_denominator = header.luma_log2_denominator;
  record.chroma_log2_denominator = header.chroma_log2_denominator;
  record.weights = header.weights;
  if (header.is_b() && header.weighted_bipred_idc == 2) record.implicit_weights = implicit_weights(slice);
  return record;
}

}  // namespace

void SliceDecoder::begin(const SliceHeader& header, Picture& picture, std::array<ReferenceList, 2> lists) {
  if (picture.slices.size() >= kNoSlice) throw DamagedData("more slices than macroblocks");
  slice_.header = &header;
  slice_.sps = header.sps.get();
  slice_.pps = header.pps.get();
  slice_.picture = &picture;
  slice_.index = static_cast<std::uint16_t>(picture.slices.size());
  slice_.lists = std::move(lists);
  slice_.columns = header.sps->width_in_macroblocks;
  slice_.rows = header.sps->height_in_macroblocks();
  slice_.above.resize(static_cast<std::size_t>(slice_.columns));
  slice_.qp = header.qp;
  slice_.store_inter_residual = wish_.residual;
  slice_.store_intra_residual = wish_.residual && wish_.intra_residual;
  if (wish_.residual && scale_owner_ != header.pps) {
    scale_ = std::make_unique<LevelScale>(header.pps->scaling);
    scale_owner_ = header.pps;
  }
  slice_.scale = scale_.get();
  picture.slices.push_back(make_record(slice_));
  if (header.is_b()) direct_.prepare(slice_);
}

void SliceDecoder::decode(const BitReader& bits, const SliceHeader& header, const std::shared_ptr<Picture>& picture,
                          std::array<ReferenceList, 2> lists) {
  begin(header, *picture, std::move(lists));
  if (header.pps->cabac) {
    SliceData<CabacSyntax>(bits, slice_, direct_).read();
  } else {
    SliceData<CavlcSyntax>(bits, slice_, direct_).read();
  }
}

}  // namespace videotx::h264
