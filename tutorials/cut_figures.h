// Pictures of one figure each that fills them, for programs that make pictures.
#pragma once

#include <luxtorch/core/types.h>
#include <luxtorch/rng.h>

struct CutFigures {
  luxtorch::Tensor images;  ///< (n, 1, size, size), from 0 to 1
  luxtorch::Tensor labels;  ///< (n): 0 disc, 1 square, 2 triangle, 3 cross, 4 ring
};

/// Figures of data::make_figures, cut out at their boxes, made size x size pixels large and as bright as
/// one another: what is left of them is their kind and how they are turned.
CutFigures cut_figures(luxtorch::Rng rng, int64_t n, int64_t size);
