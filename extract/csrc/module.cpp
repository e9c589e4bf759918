// The Python boundary of the native part: one narrow table, no pointers above it.
#include <nanobind/nanobind.h>

NB_MODULE(_native, m) { m.doc() = "Bitstream reading and sample arithmetic of videotx.extract."; }
