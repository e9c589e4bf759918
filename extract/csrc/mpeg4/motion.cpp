#include "mpeg4/motion.h"

#include <algorithm>

#include "mpeg4/tables.h"

namespace videotx::mpeg4 {
namespace {

std::int16_t median(std::int16_t a, std::int16_t b, std::int16_t c) {
  return std::max(std::min(a, b), std::min(std::max(a, b), c));
}

// A component of a vector: its difference to `prediction`, Table B-12, wrapped into the range of `f_code`. 19 bits at most.
bool read_component(Window& bits, int prediction, int f_code, std::int16_t& component) {
  const int magnitude = kMotionVector.read(bits);
  if (magnitude < 0) return false;
  // Sign and residual, which a zero has not: that cannot be foreseen either, and takes no branch.
  const int shift = f_code - 1;
  const int moved = magnitude != 0 ? -1 : 0;
  const int sign = -static_cast<int>(bits.word() >> 63);
  const auto residual = static_cast<int>((bits.word() << 1) >> 1 >> (63 - shift));
  bits.skip(static_cast<std::size_t>((1 + shift) & moved));
  const int difference = ((magnitude - 1) << shift) + residual + 1;
  const int sum = prediction + ((difference ^ sign) - sign);
  const int half_range = 32 << shift;
  const int wrapped = ((sum + half_range) & (2 * half_range - 1)) - half_range;
  component = static_cast<std::int16_t>((wrapped & moved) | (prediction & ~moved));
  return true;
}

}  // namespace

Vector frame_vector(const FieldVectors& fields) {
  const int x = fields.vector[0].x + fields.vector[1].x;
  const int y = fields.vector[0].y + fields.vector[1].y;
  return {static_cast<std::int16_t>((x >> 1) | (x & 1)), static_cast<std::int16_t>(y)};
}

void MotionField::reset(int new_columns, int new_rows, bool interlaced) {
  columns = new_columns;
  rows = new_rows;
  const auto count = static_cast<std::size_t>(columns) * static_cast<std::size_t>(rows);
  vectors.assign(4 * count, {});
  flags.assign(count, 0);
  fields.assign(interlaced ? count : 0, {});
}

std::array<Vector, 4> MotionField::macroblock(int column, int row) const {
  const Vector* top = &vectors[index(column, row, 0)];
  const Vector* bottom = &vectors[index(column, row, 2)];
  return {top[0], top[1], bottom[0], bottom[1]};
}

void MotionField::set(int column, int row, Vector vector) {
  Vector* top = &vectors[index(column, row, 0)];
  Vector* bottom = &vectors[index(column, row, 2)];
  top[0] = top[1] = bottom[0] = bottom[1] = vector;
}

Vector MotionField::predict(int column, int row, int block, int first) const {
  const int number = row * columns + column;
  const bool left_inside = (block & 1) != 0 || (column > 0 && number - 1 >= first);
  const bool above_inside = block >= 2 || (row > 0 && number - columns >= first);
  // Blocks 0 and 1 look into the macroblock above on the right, 2 and 3 into their own upper row.
  const bool diagonal_inside =
      block >= 2 || (row > 0 && column + 1 < columns && number - columns + 1 >= first);
  const auto here = static_cast<std::ptrdiff_t>(index(column, row, block));
  const std::ptrdiff_t stride = 2 * columns;
  const std::ptrdiff_t diagonal_step = block == 0 ? 2 : block == 3 ? -1 : 1;
  const Vector* at = vectors.data();
  Vector left;
  Vector above;
  Vector diagonal;
  if (left_inside) left = at[here - 1];
  if (above_inside) above = at[here - stride];
  if (diagonal_inside) diagonal = at[here - stride + diagonal_step];
  const int num_inside = left_inside + above_inside + diagonal_inside;
  if (num_inside == 1) return left_inside ? left : above_inside ? above : diagonal;
  return {median(left.x, above.x, diagonal.x), median(left.y, above.y, diagonal.y)};
}

bool read_vector(BitReader& bits, Vector prediction, int f_code, Vector& vector) {
  Window ahead(bits);
  const bool sound = read_component(ahead, prediction.x, f_code, vector.x) &&
                     read_component(ahead, prediction.y, f_code, vector.y);
  bits.skip(ahead.length());
  return sound;
}

}  // namespace videotx::mpeg4
