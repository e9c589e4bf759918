#include "h264/cabac.h"

#include <algorithm>

namespace videotx::h264 {

void initialise_contexts(std::array<ContextState, kNumContexts>& contexts, unsigned table, int slice_qp) {
  const int qp = std::clamp(slice_qp, 0, 51);
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    const ContextInit init = kContextInit[table][i];
    const int state = std::clamp(((init.m * qp) >> 4) + init.n, 1, 126);
    contexts[i] = static_cast<ContextState>(state > 63 ? (state - 64) << 1 : (63 - state) << 1 | 1);
  }
}

}  // namespace videotx::h264
