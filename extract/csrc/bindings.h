// Each part binds itself to the one native module; module.cpp calls them in turn.
#pragma once

#include <nanobind/nanobind.h>

namespace videotx {

void bind_coded_picture(nanobind::module_& m);
void bind_raster(nanobind::module_& m);
void bind_reference_order(nanobind::module_& m);
void bind_colour(nanobind::module_& m);
void bind_compensate(nanobind::module_& m);
void bind_mpeg4(nanobind::module_& m);
void bind_h264(nanobind::module_& m);

}  // namespace videotx
