#include "fuzz/packets.h"
#include "h264/errors.h"
#include "h264/reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace videotx;
  fuzz::Packets packets({data, size});
  std::size_t num_macroblocks = 0;
  const h264::Wish wish{(packets.options & 1) != 0, (packets.options & 2) != 0, (packets.options & 4) != 0};
  try {
    const auto extradata = packets.next();
    h264::Reader reader(extradata.value_or(std::span<const std::uint8_t>{}), wish);
    std::int64_t number = 0;
    while (const auto packet = packets.next()) {
      reader.feed(*packet, number++, (packets.options & 8) == 0);
      num_macroblocks += fuzz::drain(reader);
      if (num_macroblocks > fuzz::kMostMacroblocks) return 0;
    }
    reader.finish();
    fuzz::drain(reader);
  } catch (const h264::UnsupportedStream&) {
  }
  return 0;
}
