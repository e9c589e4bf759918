// Blocks of a macroblock (6.2.7), and what goes into the picture.
#include <algorithm>

#include "mpeg4/idct.h"
#include "mpeg4/vop_reader.h"

namespace videotx::mpeg4 {

bool VopReader::read_intra_dc(int block) {
  const int size = block < 4 ? kDcSizeLuma.read(bits_) : kDcSizeChroma.read(bits_);
  if (size < 0) return false;
  bits_.skip(static_cast<std::size_t>(size > 8 ? size + 1 : size));  // a marker behind long ones
  return true;
}

bool VopReader::read_blocks(const Macroblock& mb) {
  for (int block = 0; block < 6; ++block) {
    const bool coded = (mb.cbp >> (5 - block) & 1) != 0;
    if (mb.intra) {
      if (mb.dc_coded && partitioned_.empty() && !read_intra_dc(block)) return false;
      if (coded && !skip_block(bits_, *intra_table_, inter_.reversible, mb.dc_coded ? 1 : 0)) return false;
    } else if (coded) {
      const bool sound = residual_ ? read_inter_residual(mb, block)
                                   : skip_block(bits_, *inter_.table, inter_.reversible, 0);
      if (!sound) return false;
    }
  }
  return true;
}

bool VopReader::read_inter_residual(const Macroblock& mb, int block) {
  if (!read_inter_block(bits_, inter_, quantiser_, block_)) {
    block_ = {};
    return false;
  }
  std::int16_t* samples = nullptr;
  std::ptrdiff_t stride = 8 * columns_;
  if (block >= 4) {
    samples = (block == 4 ? picture_.residual_cb : picture_.residual_cr).data() + 8 * mb.row * stride + 8 * mb.column;
  } else {
    stride *= 2;
    samples = picture_.residual_y.data() + 16 * mb.row * stride + 16 * mb.column + 8 * (block & 1);
    if (mb.field_dct) {  // blocks 0 and 1 are the lines of the top field
      samples += (block >> 1) * stride;
      stride *= 2;
    } else {
      samples += 8 * (block >> 1) * stride;
    }
  }
  (encoder_.xvid() ? idct_xvid : idct_simple)(block_, samples, stride);
  return true;
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
