// Reads one coded VOP: video packets, macroblocks (ISO/IEC 14496-2, 6.2.5 to 6.2.7), into a CodedPicture.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "coded_picture.h"
#include "mpeg4/bit_reader.h"
#include "mpeg4/coefficients.h"
#include "mpeg4/direct.h"
#include "mpeg4/headers.h"
#include "mpeg4/motion.h"
#include "mpeg4/residual_queue.h"
#include "mpeg4/sprite.h"

namespace videotx::mpeg4 {

// What a VOP is read with.
struct VopContext {
  const VideoObjectLayer& vol;
  const Encoder& encoder;
  Vop vop;
  DirectTimes direct_times;
  const MotionField& colocated;  // of the future reference; used by B-VOPs
  bool residual = false;
};

class VopReader {
 public:
  // `picture` and `motion` have the size of the layer; `bits` stands behind the VOP header.
  VopReader(const VopContext& context, BitReader bits, MotionField& motion, CodedPicture& picture);

  void read();
  // Behind the last macroblock.
  [[nodiscard]] std::size_t position() const { return bits_.position(); }

 private:
  // A macroblock between its first and its last bits.
  struct Macroblock {
    int column = 0;
    int row = 0;
    int number = 0;
    int cbp = 0;  // six bits, the first luma block highest
    bool intra = false;
    bool dc_coded = false;  // the intra DC has a code of its own
    bool field_dct = false;
  };
  // What data partitioning keeps of a macroblock from one partition to the next.
  struct Partitioned {
    int mb_type = kNothing;
    int cbp = 0;
    bool dc_coded = false;
    bool changes_quantiser = false;
  };
  static constexpr int kNothing = -1;  // instead of mbtype: not coded

  // vop_reader.cpp: video packets
  void read_packets();
  void read_packet();
  bool at_resync_marker();
  bool skip_resync_marker();
  bool seek_resync_marker();
  bool enter_packet();
  void skip_stuffing_macroblocks();
  [[nodiscard]] bool skipped_before_marker() const;
  [[nodiscard]] bool colocated_skipped(int number) const;

  // macroblock.cpp: I-, P- and S-VOPs
  [[nodiscard]] Macroblock place(int number) const;
  bool read_macroblock(int number);
  bool read_intra(Macroblock& mb, bool changes_quantiser);
  bool read_inter(Macroblock& mb, int mb_type, Window head);
  bool read_motion(const Macroblock& mb, bool four_vectors);
  bool read_field_motion(const Macroblock& mb);
  void put_global(const Macroblock& mb, MacroblockClass value);
  void put_not_coded(const Macroblock& mb);
  void change_quantiser(std::uint32_t dquant);

  // macroblock_b.cpp: B-VOPs
  bool read_b_macroblock(int number);
  bool read_b_motion(const Macroblock& mb, bool forward, bool backward, bool field_prediction);
  bool read_b_vectors(const Macroblock& mb, int direction, bool field_prediction);
  void put_direct(const Macroblock& mb, Vector delta);

  // partitions.cpp: data partitioning
  bool read_partitioned_packet();
  bool read_first_partition_intra(int number);
  bool read_first_partition_inter(int number);
  bool read_second_partition(int number);
  bool read_third_partition(int number);

  // blocks.cpp: coefficients, and what goes into the picture
  bool read_intra_dc(int block);
  bool read_blocks(const Macroblock& mb);
  bool read_intra_blocks(const Macroblock& mb);
  bool read_inter_residual(const Macroblock& mb, int num_blocks);
  void put_class(const Macroblock& mb, MacroblockClass value);
  void put_vectors(const Macroblock& mb, int list, const std::array<Vector, 4>& vectors);
  void add_bits(int number, std::size_t start);

  const VideoObjectLayer& vol_;
  const Encoder& encoder_;
  Vop vop_;
  DirectTimes direct_times_;
  const MotionField& colocated_;
  bool residual_;
  BitReader bits_;
  MotionField& motion_;
  CodedPicture& picture_;
  GlobalMotion global_;
  bool global_motion_ = false;

  int columns_;
  int num_macroblocks_;
  int quantiser_;
  int next_ = 0;   // macroblock to be read
  int first_ = 0;  // of this video packet
  std::array<std::array<Vector, 2>, 2> last_{};  // B-VOPs: predictions [direction][field], vertical in frame lines
  InterCoding inter_;
  Coding intra_;
  ResidualQueue queue_;
  std::vector<Partitioned> partitioned_;
};

}  // namespace videotx::mpeg4
