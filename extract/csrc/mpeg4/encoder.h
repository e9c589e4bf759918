// Who encoded a stream, from its user data and the container's codec tag. Behaviour hangs on it: which inverse DCT a
// decoder must use, and whether packets hold two VOPs.
#pragma once

#include <cstdint>

#include "mpeg4/bit_reader.h"

namespace videotx::mpeg4 {

struct Encoder {
  int divx_version = -1;
  int divx_build = -1;
  int xvid_build = -1;
  int lavc_build = -1;
  bool packed = false;  // DivX 5 "packed bitstream": a packet may hold a P-VOP and the B-VOP behind it

  // The body of a user_data element.
  void read_user_data(BitReader& bits);
  // What the codec tag says where no user data identified anyone. `tag` is in the order of its bytes.
  void read_codec_tag(std::uint32_t tag, bool old_divx_syntax);

  [[nodiscard]] bool xvid() const { return xvid_build >= 0; }
  // DivX 5.00 build 413 wrote sprite trajectories differently from everyone else.
  [[nodiscard]] bool divx_500_413() const { return divx_version == 500 && divx_build == 413; }
};

}  // namespace videotx::mpeg4
