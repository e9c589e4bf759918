// What is thrown for pictures that cannot be decoded.
#pragma once

#include <stdexcept>

namespace videotx {

class JpegError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace videotx
