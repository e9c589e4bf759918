// Cells of a picture that no vector covers, and what their neighbours say about them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "draft.h"
#include "flow.h"
#include "lanes.h"

namespace videotx {

class HoleFiller {
 public:
  explicit HoleFiller(const Grid& grid);

  // Holes grow shut from their rims: each pass gives the cells that touch known ones the mean of those.
  void fill(Draft& draft);

 private:
  struct Hole {
    std::size_t cell;
    std::size_t place;
    Four sum;  // of the known cells around it
  };

  void lay_out(const Draft& draft);
  [[nodiscard]] Four sum_around(std::size_t place) const;

  std::size_t rows_;
  std::size_t columns_;
  std::size_t line_;  // places from row to row
  // (x, y, 1, 0) of known cells and 0 elsewhere, in a picture with a rim of cells that are not known.
  std::vector<float> places_;
  std::vector<Hole> holes_;
  std::vector<std::uint32_t> row_holes_;
};

}  // namespace videotx
