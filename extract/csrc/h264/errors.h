// The two ways in which a stream cannot be read on.
#pragma once

#include <stdexcept>

namespace videotx::h264 {

// The bits contradict the standard. It ends the slice (or the parameter set) it happens in, nothing more.
struct DamagedData : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The stream is sound as far as is known, but uses a tool that is not read. The message names it.
struct UnsupportedStream : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace videotx::h264
