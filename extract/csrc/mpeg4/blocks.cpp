// Blocks of a macroblock (6.2.7), and what goes into the picture.
#include <algorithm>

#include "mpeg4/vop_reader.h"

namespace videotx::mpeg4 {

bool VopReader::read_intra_dc(int block) {
  const int size = block < 4 ? kDcSizeLuma.read(bits_) : kDcSizeChroma.read(bits_);
  if (size < 0) return false;
  bits_.skip(static_cast<std::size_t>(size > 8 ? size + 1 : size));  // a marker behind long ones
  return true;
}

bool VopReader::read_blocks(const Macroblock& mb) {
  if (mb.intra) return read_intra_blocks(mb);
  if (mb.cbp == 0) return true;
  int num_blocks = 0;
  for (int block = 0; block < 6; ++block) num_blocks += mb.cbp >> block & 1;
  return residual_ ? read_inter_residual(mb, num_blocks) : skip_blocks(bits_, inter_, 0, num_blocks);
}

bool VopReader::read_intra_blocks(const Macroblock& mb) {
  for (int block = 0; block < 6; ++block) {
    if (mb.dc_coded && partitioned_.empty() && !read_intra_dc(block)) return false;
    const bool coded = (mb.cbp >> (5 - block) & 1) != 0;
    if (coded && !skip_blocks(bits_, intra_, mb.dc_coded ? 1 : 0, 1)) return false;
  }
  return true;
}

bool VopReader::read_inter_residual(const Macroblock& mb, int num_blocks) {
  const std::span<Block> blocks = queue_.room(static_cast<std::size_t>(num_blocks));
  const int sound = read_inter_blocks(bits_, inter_, quantiser_, blocks);
  const std::ptrdiff_t chroma_stride = 8 * columns_;
  const std::ptrdiff_t stride = 2 * chroma_stride;
  ResidualPlanes& planes = *picture_.residual;
  std::uint8_t& written = planes.written[static_cast<std::size_t>(mb.number)];
  if ((mb.cbp & 0x3C) != 0) written |= ResidualPlanes::kLuma;
  if ((mb.cbp & 3) != 0) written |= ResidualPlanes::kChroma;
  std::int16_t* luma = planes.y.data() + 16 * mb.row * stride + 16 * mb.column;
  const std::ptrdiff_t chroma = 8 * mb.row * chroma_stride + 8 * mb.column;
  // Blocks 0 and 1 of a field macroblock are the lines of the top field.
  std::int16_t* lower = luma + (mb.field_dct ? stride : 8 * stride);
  const std::ptrdiff_t step = mb.field_dct ? 2 * stride : stride;
  queue_.add(static_cast<std::size_t>(sound), mb.cbp,
             {{{luma, step},
               {luma + 8, step},
               {lower, step},
               {lower + 8, step},
               {planes.cb.data() + chroma, chroma_stride},
               {planes.cr.data() + chroma, chroma_stride}}});
  return sound == num_blocks;
}

void VopReader::put_class(const Macroblock& mb, MacroblockClass value) {
  picture_.macroblock_class[static_cast<std::size_t>(mb.number)] = static_cast<std::uint8_t>(value);
  picture_.qp[static_cast<std::size_t>(mb.number)] = static_cast<std::int8_t>(quantiser_);
}

void VopReader::put_vectors(const Macroblock& mb, int list, const std::array<Vector, 4>& vectors) {
  const int unit = vol_.quarter_sample ? 1 : 2;
  const std::size_t stride = static_cast<std::size_t>(columns_) * 4;
  const std::size_t list_start = static_cast<std::size_t>(list) * stride * 4 * static_cast<std::size_t>(motion_.rows);
  std::size_t at = list_start + static_cast<std::size_t>(mb.row) * 4 * stride + static_cast<std::size_t>(mb.column) * 4;
  for (std::size_t half = 0; half < 4; half += 2) {
    std::array<std::int16_t, 8> row;  // built once for both rows of cells that share it
    for (std::size_t column = 0; column < 4; ++column) {
      const Vector vector = vectors[half + (column >> 1)];
      row[2 * column] = static_cast<std::int16_t>(vector.x * unit);
      row[2 * column + 1] = static_cast<std::int16_t>(vector.y * unit);
    }
    for (int i = 0; i < 2; ++i, at += stride) {
      std::copy_n(row.data(), 8, picture_.mv.data() + 2 * at);
      std::fill_n(picture_.ref.data() + at, 4, static_cast<std::int8_t>(list));
    }
  }
}

void VopReader::add_bits(int number, std::size_t start) {
  picture_.macroblock_bits[static_cast<std::size_t>(number)] += static_cast<std::int32_t>(bits_.position() - start);
}

}  // namespace videotx::mpeg4
