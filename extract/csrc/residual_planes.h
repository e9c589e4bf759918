// Residual planes of pictures. Those that nobody holds any more serve another picture: most of a residual is zero, and
// clearing what is not takes less time than memory that was never touched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace videotx {

// Numbers of samples per macroblock.
struct ResidualLayout {
  std::size_t macroblock_columns = 0;
  std::size_t macroblock_rows = 0;
  std::size_t chroma_width = 8;  // of one chroma plane; 0 without chroma
  std::size_t chroma_height = 8;

  bool operator==(const ResidualLayout&) const = default;
};

struct ResidualPlanes {
  explicit ResidualPlanes(const ResidualLayout& layout);
  // To zeros, where `written` says that there may be others.
  void clear();

  ResidualLayout layout;
  std::vector<std::int16_t> y;   // 16 rows x 16 columns per macroblock
  std::vector<std::int16_t> cb;  // chroma_height x chroma_width per macroblock
  std::vector<std::int16_t> cr;
  // By macroblock: a bit for each 8x8 block of its luma, row by row, and one for its part of either chroma plane. Who writes
  // samples says so here.
  std::vector<std::uint8_t> written;
  static constexpr std::uint8_t kLuma = 0x0F, kCb = 0x10, kCr = 0x20;
};

// Makes planes for the pictures of one reader, which may outlive it and be let go of by any thread.
class ResidualPool {
 public:
  std::shared_ptr<ResidualPlanes> take(const ResidualLayout& layout);

 private:
  static constexpr std::size_t kMostFree = 4;  // more than that come back at once only where many were kept
  struct Free {
    Free() { planes.reserve(kMostFree); }  // coming back must not fail

    std::mutex mutex;
    std::vector<std::unique_ptr<ResidualPlanes>> planes;
  };

  std::shared_ptr<Free> free_ = std::make_shared<Free>();
};

}  // namespace videotx
