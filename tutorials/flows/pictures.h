// A picture of a flow: noise, what the flow makes of it, the data, and the density.
#pragma once

#include <luxtorch/core/types.h>

#include "program.h"

/// Squares of one size in rows, from the bottom.
struct Grid {
  double left, bottom, side;
  int64_t columns, rows;
  luxtorch::Tensor centres() const;  ///< (rows * columns, 2), row by row
};

/// Writes flows.csv (the density at the squares' centres) and points.csv, and draws flows.png. noise and samples: (points, 2),
/// each sample made of the noise in its row; data: (points or more, 2); density: (rows * columns).
void draw_flow(const Page& page, const luxtorch::Tensor& noise, const luxtorch::Tensor& samples,
               const luxtorch::Tensor& data, const Grid& grid, const luxtorch::Tensor& density);
