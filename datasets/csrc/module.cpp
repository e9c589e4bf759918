#include "bindings.h"

NB_MODULE(_clips, m) {
  m.doc() = "Pictures of shards, and the composition of block motion between frames, for videotx.datasets.";
  bind_pictures(m);
  bind_trace(m);
}
