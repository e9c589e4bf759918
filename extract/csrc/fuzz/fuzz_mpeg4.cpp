#include "fuzz/packets.h"
#include "mpeg4/peek.h"
#include "mpeg4/reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace videotx;
  constexpr std::uint32_t kTags[] = {0, 0x44495658 /* XVID */, 0x58564944 /* DIVX */, 0x30355844 /* DX50 */};
  fuzz::Packets packets({data, size});
  std::size_t num_macroblocks = 0;
  try {
    const auto extradata = packets.next();
    mpeg4::Reader reader(extradata.value_or(std::span<const std::uint8_t>{}), kTags[packets.options >> 1 & 3],
                         (packets.options & 1) != 0);
    std::int64_t number = 0;
    while (const auto packet = packets.next()) {
      mpeg4::peek_vop(*packet, packets.options >> 3, (packets.options & 1) != 0);
      reader.feed(*packet, number++);
      num_macroblocks += fuzz::drain(reader);
      if (num_macroblocks > fuzz::kMostMacroblocks) return 0;
    }
    reader.finish();
    fuzz::drain(reader);
  } catch (const mpeg4::Unsupported&) {
  }
  return 0;
}
