// The Python boundary of the clip tracer.
#include <nanobind/nanobind.h>

NB_MODULE(_trace, m) { m.doc() = "Composition of block motion between frames for videotx.datasets."; }
