// Level 3: checks of images and of their options, for the functions of luxtorch/data/images.h.
#pragma once

#include <fmt/format.h>

#include <utility>

#include "luxtorch/core/error.h"
#include "luxtorch/data/figures.h"
#include "luxtorch/ops/window.h"
#include "text.h"

namespace luxtorch::data {

/// "an undefined tensor", or what describe_kind says.
inline std::string image_text(const Tensor& x) {
  return x.defined() ? describe_kind(x) : "an undefined tensor";
}

/// ShapeError where x is not (batch, ..., height, width).
inline void check_image(const char* who, const Tensor& x) {
  if (x.defined() && x.dim() >= 3) return;
  throw ShapeError(who,
                   fmt::format("expected x (batch, ..., height, width), got {}.", image_text(x)));
}

/// ShapeError where x is not (batch, channels, ...) of floating point.
inline void check_channels(const char* who, const Tensor& x) {
  if (x.defined() && x.dim() >= 2 && x.is_floating_point()) return;
  throw ShapeError(
      who, fmt::format("expected x (batch, channels, ...) of floating point, got {}. Of integers, "
                       "divide first: x.to(kFloat32) / 255.",
                       image_text(x)));
}

/// ShapeError where the tensors of `figures` do not belong together.
inline void check_figures(const char* who, const Figures& figures) {
  const Tensor& x = figures.images;
  check_image(who, x);
  const Tensor& masks = figures.masks;
  if (masks.defined() && (masks.dim() < 3 || masks.size(0) != x.size(0) ||
                          masks.size(-2) != x.size(-2) || masks.size(-1) != x.size(-1))) {
    throw ShapeError(who, fmt::format("expected masks ({}, ..., {}, {}) as the images, got {}.",
                                      x.size(0), x.size(-2), x.size(-1), image_text(masks)));
  }
  const Tensor& boxes = figures.boxes;
  if (boxes.defined() && (boxes.dim() < 2 || boxes.size(0) != x.size(0) || boxes.size(-1) != 4 ||
                          !boxes.is_floating_point())) {
    throw ShapeError(who, fmt::format("expected boxes ({}, ..., 4) of floating point, got {}.",
                                      x.size(0), image_text(boxes)));
  }
}

/// Height and width. ArgumentError: neither one nor two numbers, or one below 1.
inline std::pair<int64_t, int64_t> height_and_width(const char* who, const Sizes& size) {
  const Shape& n = size.numbers();
  if (!size.for_every() && n.size() != 2) {
    throw ArgumentError(
        who, fmt::format("expected size as one number or as height and width, got {} numbers.",
                         n.size()));
  }
  for (int64_t each : n) {
    if (each < 1)
      throw ArgumentError(who, fmt::format("expected size of at least 1, got {}.", each));
  }
  return {n[0], n.back()};
}

/// ArgumentError where p is outside [0, 1].
inline void check_fraction(const char* who, const char* what, double p) {
  if (!(p >= 0 && p <= 1))
    throw ArgumentError(who, fmt::format("expected {} in [0, 1], got {}.", what, p));
}

}  // namespace luxtorch::data
