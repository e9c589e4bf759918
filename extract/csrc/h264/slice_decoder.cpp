#include "h264/slice_decoder.h"

#include <utility>

#include "h264/cabac_syntax.h"
#include "h264/cavlc_syntax.h"
#include "h264/macroblock_layer.h"

namespace videotx::h264 {
namespace {

// Walks the macroblocks of a slice in either entropy coding.
template <class Syntax, bool Mbaff>
class SliceData {
 public:
  SliceData(const BitReader& bits, Slice& slice, const DirectPrediction& direct)
      : slice_(slice),
        bits_(bits),
        syntax_(bits, slice),
        layer_(syntax_, slice, direct),
        end_(static_cast<std::size_t>(slice.columns) * static_cast<std::size_t>(slice.rows)),
        address_(std::size_t{slice.header->first_mb} * (Mbaff ? 2 : 1)),
        mark_(syntax_.position()) {
    mb_.field = slice.structure != Structure::kFrame;
  }

  void read() {
    if constexpr (Mbaff && Syntax::kIsCabac) {
      read_cabac_pairs();
    } else if constexpr (Mbaff) {
      read_cavlc_pairs();
    } else if constexpr (Syntax::kIsCabac) {
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
      check_not_past_end();
      const bool last = syntax_.end_of_slice();
      finish();
      if (last) break;
    }
    check_cabac_end();
  }

  void check_not_past_end() const {
    // The engine reads zeros for ever; a little lookahead is its nature.
    if (syntax_.position() > bits_.num_bits() + 16) throw DamagedData("slice data end too early");
  }

  void check_cabac_end() const {
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
    locate(slice_, mb_, address_);
    if (slice_.picture->slice_of_macroblock[mb_.address] != kNoSlice) throw DamagedData("a macroblock is coded twice");
  }

  // Macroblock pairs (MBAFF): whether the macroblocks of a pair belong to fields is said once for both, and inferred
  // from the pairs around where both are skipped.

  void start_pair() {
    if (address_ >= end_) throw DamagedData("more macroblocks than the picture holds");
    pair_ = locate_pair(slice_, address_);
    if (slice_.picture->slice_of_macroblock[pair_.place] != kNoSlice) throw DamagedData("a macroblock is coded twice");
  }

  void start_in_pair(bool bottom, bool field) {
    locate_in_pair(slice_, mb_, pair_, bottom, field);
    syntax_.set_field(field);
  }

  void read_cabac_pairs() {
    const bool inter = !slice_.header->is_intra();
    const bool b_slice = slice_.header->is_b();
    for (bool last = false; !last;) {
      start_pair();
      bool field = pair_.inferred_field;
      start_in_pair(false, field);
      const bool top_skipped = inter && syntax_.mb_skip_flag(mb_, b_slice);
      bool bottom_skipped = false;
      if (top_skipped) {
        // What the skipped macroblock is comes behind mb_skip_flag of the other one.
        skip_ahead();
        start_in_pair(true, field);
        bottom_skipped = syntax_.mb_skip_flag(mb_, b_slice);
        slice_.picture->slice_of_macroblock[pair_.place] = kNoSlice;
        if (!bottom_skipped) field = syntax_.mb_field_decoding_flag(pair_.num_field_neighbours);
        start_in_pair(false, field);
        layer_.skip(mb_);
      } else {
        field = syntax_.mb_field_decoding_flag(pair_.num_field_neighbours);
        if (field != pair_.inferred_field) start_in_pair(false, field);
        layer_.read(mb_);
      }
      check_not_past_end();
      finish();
      start_in_pair(true, field);
      if (inter && !top_skipped) bottom_skipped = syntax_.mb_skip_flag(mb_, b_slice);
      if (bottom_skipped) {
        layer_.skip(mb_);
      } else {
        layer_.read(mb_);
      }
      check_not_past_end();
      last = syntax_.end_of_slice();
      finish();
    }
    check_cabac_end();
  }

  // Leaves the macroblock behind as a skipped neighbour for the time being.
  void skip_ahead() {
    slice_.above[mb_.entry] = Neighbour{};
    slice_.picture->slice_of_macroblock[mb_.address] = slice_.index;
  }

  void read_cavlc_pairs() {
    const bool inter = !slice_.header->is_intra();
    unsigned run = 0;
    bool run_is_known = !inter;
    bool field = false;
    bool top_skipped = false;
    for (bool bottom = false;; bottom = !bottom) {
      if (!run_is_known && syntax_.more_data()) {
        run = syntax_.skip_run();
        run_is_known = true;
      }
      const bool skipped = run != 0;
      if (!skipped && !syntax_.more_data()) {
        if (bottom) throw DamagedData("half a macroblock pair at the end of a slice");
        break;
      }
      if (!bottom) {
        start_pair();
        field = pair_.inferred_field;
        if (!skipped) {
          field = syntax_.mb_field_decoding_flag();
        } else if (run == 1 && syntax_.more_data()) {
          field = syntax_.peek_flag();  // which the other macroblock, not skipped, begins with
        }
      } else if (!skipped && top_skipped) {
        field = syntax_.mb_field_decoding_flag();
      }
      start_in_pair(bottom, field);
      if (skipped) {
        layer_.skip(mb_);
        --run;
      } else {
        layer_.read(mb_);
        run_is_known = !inter;
      }
      top_skipped = skipped;
      if (syntax_.position() > bits_.num_bits()) throw DamagedData("slice data end too early");
      finish();
    }
    if (syntax_.position() != bits_.num_bits()) throw DamagedData("bits left over at the end of a slice");
  }

  void finish() {
    Picture& picture = *slice_.picture;
    leave_neighbour(slice_, mb_, Syntax::kIsCabac);
    picture.slice_of_macroblock[mb_.address] = slice_.index;
    picture.coded.macroblock_class[mb_.address] = static_cast<std::uint8_t>(mb_.kind);
    const std::size_t position = syntax_.position();
    picture.coded.macroblock_bits[mb_.address] = static_cast<std::int32_t>(position - mark_);
    mark_ = position;
    ++address_;
  }

  Slice& slice_;
  const BitReader& bits_;
  Syntax syntax_;
  MacroblockLayer<Syntax, Mbaff> layer_;
  Macroblock mb_{};
  MacroblockPair pair_;  // with MBAFF alone
  std::size_t end_;
  std::size_t address_;
  std::size_t mark_;
};

template <bool Mbaff>
void read_slice_data(const BitReader& bits, Slice& slice, const DirectPrediction& direct) {
  if (slice.pps->cabac) {
    SliceData<CabacSyntax, Mbaff>(bits, slice, direct).read();
  } else {
    SliceData<CavlcSyntax, Mbaff>(bits, slice, direct).read();
  }
}

SliceRecord make_record(const Slice& slice) {
  const SliceHeader& header = *slice.header;
  SliceRecord record;
  record.type = header.type;
  record.structure = slice.structure;
  for (std::size_t list = 0; list < 2; ++list) {
    record.references[list].fill(kNoPicture);
    for (std::size_t i = 0; i < slice.lists[list].size(); ++i) {
      const Reference& reference = slice.lists[list][i];
      if (reference) record.references[list][i] = reference.picture->coded.id;
      record.reference_structures[list][i] = reference.structure;
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
  slice_.structure = header.structure();
  slice_.mbaff = header.mbaff();
  slice_.row_step = header.field_pic ? 2 : 1;
  slice_.columns = header.sps->width_in_macroblocks;
  slice_.rows = header.sps->height_in_macroblocks() / slice_.row_step;
  slice_.above.resize(static_cast<std::size_t>(slice_.columns) * (slice_.mbaff ? 4 : 1));
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
  if (header.mbaff()) {
    read_slice_data<true>(bits, slice_, direct_);
  } else {
    read_slice_data<false>(bits, slice_, direct_);
  }
}

}  // namespace videotx::h264
