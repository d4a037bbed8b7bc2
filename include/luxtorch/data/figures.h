// Pictures of simple figures, for classification, segmentation and detection without a download.
//
//     data::Figures figures = data::make_figures(Rng(0), 1000, {.size = 32, .noise = 0.1});
//     Tree data = tuple({figures.images, figures.labels});            // (1000, 1, 32, 32) and (1000)
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"
#include "luxtorch/rng.h"

namespace luxtorch::data {

/// The pictures that make_figures makes.
struct FiguresOptions {
  int64_t size = 32;    ///< Height and width in pixels; at least 8.
  int64_t classes = 5;  ///< The first so many of disc, square, triangle, cross, ring; 1 to 5.
  double noise = 0;     ///< Standard deviation of the Gaussian noise of each pixel; at least 0.
};

/// Pictures with one figure each, and what is known of it. make_figures defines all tensors.
struct Figures {
  Tensor images = {};  ///< (n, 1, size, size) float32: 0 outside, the figure's brightness inside.
  Tensor labels = {};  ///< (n) int64: 0 disc, 1 square, 2 triangle, 3 cross, 4 ring.
  Tensor masks = {};   ///< (n, size, size) bool: pixels whose centre is in the figure.
  Tensor boxes = {};   ///< (n, 4) float32: left, top, right and bottom edge of it, in pixels.
};

/// n pictures. A figure has a random class, a circumscribed circle of radius 0.15 to 0.4 size that lies
/// in the picture, a random angle and a brightness of 0.5 to 1. Edges are anti-aliased: over one pixel,
/// from inside to outside, the brightness falls linearly with the distance. Pixel (row i, column j) has
/// its centre at x = j + 0.5, y = i + 0.5. Picture i comes from rng.fold_in(i), whatever n is.
///
/// ArgumentError: n below 1, or options outside their range.
LUXTORCH_API Figures make_figures(Rng rng, int64_t n, FiguresOptions options = {});

}  // namespace luxtorch::data
