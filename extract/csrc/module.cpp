// The Python boundary of the native part: one narrow table, no pointers above it.
#include <nanobind/nanobind.h>

#include "bindings.h"

NB_MODULE(_native, m) {
  m.doc() = "Bitstream reading and sample arithmetic of videotx.extract.";
  videotx::bind_coded_picture(m);
  videotx::bind_raster(m);
  videotx::bind_reference_order(m);
  videotx::bind_compensate(m);
  videotx::bind_colour(m);
  videotx::bind_mpeg4(m);
  videotx::bind_h264(m);
}
