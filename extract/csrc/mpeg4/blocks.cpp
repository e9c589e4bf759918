// Blocks of a macroblock (6.2.7), and what goes into the picture.
#include <algorithm>

#include "mpeg4/vop_reader.h"

namespace videotx::mpeg4 {
namespace {

// As ResidualPlanes::written has them: a pattern backwards. Luma blocks of a field macroblock lie on all of its lines.
std::uint8_t written_blocks(int cbp, bool field_dct) {
  constexpr std::array<std::uint8_t, 16> kBackwards = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};
  unsigned luma = kBackwards[static_cast<std::size_t>(cbp >> 2 & 15)];
  if (field_dct) luma = (luma | luma << 2 | luma >> 2) & ResidualPlanes::kLuma;
  const auto chroma = static_cast<unsigned>(cbp);
  const unsigned cb = (chroma & 2) != 0 ? ResidualPlanes::kCb : 0;
  const unsigned cr = (chroma & 1) != 0 ? ResidualPlanes::kCr : 0;
  return static_cast<std::uint8_t>(luma | cb | cr);
}

}  // namespace

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
  planes.written[static_cast<std::size_t>(mb.number)] |= written_blocks(mb.cbp, mb.field_dct);
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
  const std::size_t stride = static_cast<std::size_t>(columns_) * 2;
  const std::size_t list_start = static_cast<std::size_t>(list) * stride * 2 * static_cast<std::size_t>(motion_.rows);
  std::size_t at = list_start + static_cast<std::size_t>(mb.row) * 2 * stride + static_cast<std::size_t>(mb.column) * 2;
  for (std::size_t block = 0; block < 4; block += 2, at += stride) {
    for (std::size_t i = 0; i < 2; ++i) {
      picture_.mv[2 * (at + i)] = static_cast<std::int16_t>(vectors[block + i].x * unit);
      picture_.mv[2 * (at + i) + 1] = static_cast<std::int16_t>(vectors[block + i].y * unit);
      picture_.ref[at + i] = static_cast<std::int8_t>(list);
    }
  }
}

void VopReader::add_bits(int number, std::size_t start) {
  picture_.macroblock_bits[static_cast<std::size_t>(number)] += static_cast<std::int32_t>(bits_.position() - start);
}

}  // namespace videotx::mpeg4
