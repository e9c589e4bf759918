// The difference residual: a decoded picture minus what its motion predicts from decoded references.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "interpolate.h"

namespace videotx {

enum class Interpolation { kH264, kMpeg4Half, kMpeg4Quarter };

struct Picture {
  Plane y, cb, cr;
};

struct Reference {
  int distance;  // in displayed pictures from the current one
  Picture picture;
};

// mv [2][rows][columns][2] in quarter luma samples and ref [2][rows][columns] of a MotionField, `block` samples a cell.
struct Motion {
  std::span<const std::int16_t> mv;
  std::span<const std::int8_t> ref;
  int rows = 0;
  int columns = 0;
  int block = 8;
};

struct SampleFormat {
  int chroma_shift_x = 1;
  int chroma_shift_y = 1;
  int max_sample = 255;
};

struct DifferencePlanes {
  std::span<std::int16_t> y, cb, cr;  // of the current picture's plane sizes, zeroed by the caller
};

// Writes current - prediction for every cell whose lists are all known and whose references are at hand; the rest keeps
// its zeros. Two lists are averaged. Throws std::invalid_argument when the buffers do not fit.
void subtract_prediction(const Picture& current, const std::vector<Reference>& references, const Motion& motion,
                         Interpolation interpolation, int rounding, const SampleFormat& format, DifferencePlanes out);

}  // namespace videotx
