#include "ops/upsample.h"

#include <ATen/ops/_upsample_nearest_exact1d.h>
#include <ATen/ops/_upsample_nearest_exact2d.h>
#include <ATen/ops/_upsample_nearest_exact3d.h>
#include <ATen/ops/upsample_bicubic2d.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/upsample_linear1d.h>
#include <ATen/ops/upsample_nearest1d.h>
#include <ATen/ops/upsample_nearest2d.h>
#include <ATen/ops/upsample_nearest3d.h>
#include <ATen/ops/upsample_trilinear3d.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "luxtorch/core/error.h"
#include "ops/window.h"
#include "text.h"

namespace luxtorch::ops {

namespace {

bool is_nearest(UpsampleMode mode) {
  return mode == UpsampleMode::Nearest || mode == UpsampleMode::NearestExact;
}

// How many spatial dimensions the mode has; 0: 1 to 3.
size_t dims_of(UpsampleMode mode) {
  if (mode == UpsampleMode::Bilinear || mode == UpsampleMode::Bicubic) return 2;
  return mode == UpsampleMode::Trilinear ? 3 : 0;
}

bool is_given(const Sizes& sizes) { return sizes.for_every() || !sizes.numbers().empty(); }

// One number for each of `dims` dimensions.
template <class Numbers>
auto number(const Numbers& numbers, size_t i) {
  return numbers.numbers()[numbers.for_every() ? 0 : i];
}

// What a size of y is taken for where a scale makes it larger: more elements than a tensor can have.
constexpr double kLargest = 0x1p62;

Shape upsampled_sizes(const Tensor& x, const UpsampleOptions& options) {
  Shape sizes;
  for (size_t i = 0; i + 2 < x.sizes().size(); ++i) {
    if (is_given(options.size)) {
      sizes.push_back(number(options.size, i));
    } else {
      const double size = static_cast<double>(x.sizes()[i + 2]) * number(options.scale, i);
      sizes.push_back(static_cast<int64_t>(std::floor(std::min(size, kLargest))));
    }
  }
  return sizes;
}

}  // namespace

const char* name_of(UpsampleMode mode) {
  switch (mode) {
    case UpsampleMode::NearestExact:
      return "nearest_exact";
    case UpsampleMode::Linear:
      return "linear";
    case UpsampleMode::Bilinear:
      return "bilinear";
    case UpsampleMode::Trilinear:
      return "trilinear";
    case UpsampleMode::Bicubic:
      return "bicubic";
    case UpsampleMode::Nearest:
      break;
  }
  return "nearest";
}

void check_upsample(const std::string& who, UpsampleMode mode, const UpsampleOptions& options) {
  const auto& scales = options.scale.numbers();
  const bool by_size = is_given(options.size);
  if (by_size != scales.empty()) {
    throw ArgumentError(who, fmt::format("expected one of .scale and .size, got {}.",
                                         by_size ? "both" : "neither"));
  }
  for (double scale : scales) {
    if (scale > 0 && std::isfinite(scale)) continue;
    throw ArgumentError(who, fmt::format("expected .scale above 0 and finite, got {}.", scale));
  }
  for (int64_t size : options.size.numbers()) {
    if (size >= 1) continue;
    throw ArgumentError(who, fmt::format("expected .size of at least 1, got {}.", size));
  }
  const bool for_every = by_size ? options.size.for_every() : options.scale.for_every();
  const size_t given = by_size ? options.size.numbers().size() : scales.size(),
               dims = dims_of(mode);
  if (!for_every && (dims == 0 ? given > 3 : given != dims)) {
    throw ArgumentError(
        who,
        fmt::format("expected {} as one number or a list of {} for the mode {}, got {} numbers.",
                    by_size ? ".size" : ".scale", dims == 0 ? "1 to 3" : std::to_string(dims),
                    name_of(mode), given));
  }
  if (options.align_corners && is_nearest(mode)) {
    throw ArgumentError(who,
                        fmt::format("expected .align_corners of a linear mode or Bicubic, got it "
                                    "with the mode {}.",
                                    name_of(mode)));
  }
}

std::string upsample_mismatch(const Tensor& x, UpsampleMode mode, const UpsampleOptions& options) {
  const bool by_size = is_given(options.size);
  const bool for_every = by_size ? options.size.for_every() : options.scale.for_every();
  const size_t given = by_size ? options.size.numbers().size() : options.scale.numbers().size();
  const size_t dims = dims_of(mode) != 0 ? dims_of(mode) : for_every ? 0 : given;
  const bool fits =
      dims == 0 ? x.dim() >= 3 && x.dim() <= 5 : x.dim() == static_cast<int64_t>(dims) + 2;
  if (!fits || !x.is_floating_point()) {
    const char* const spatial = dims == 0 ? "1 to 3 sizes" : spatial_names(dims);
    return fmt::format(
        "expected floating-point x of shape (batch, channels, {}), got {} of shape {}.", spatial,
        dtype_text(x.scalar_type()), shape_text(x.sizes()));
  }
  const Shape to = upsampled_sizes(x, options);
  for (size_t i = 0; i < to.size(); ++i) {
    if (x.sizes()[i + 2] >= 1 && to[i] >= 1) continue;
    return fmt::format("expected x and y with sizes of at least 1, got {} and {} in dimension {}.",
                       x.sizes()[i + 2], to[i], i + 2);
  }
  double elements = static_cast<double>(std::max<int64_t>(x.size(0) * x.size(1), 1));
  for (int64_t size : to) elements *= static_cast<double>(size);
  if (elements >= kLargest) {
    return fmt::format("expected y of fewer than 2^62 elements, got {} {} of x's shape {}.",
                       by_size ? ".size" : ".scale",
                       by_size ? fmt::format("({})", fmt::join(options.size.numbers(), ", "))
                               : fmt::format("({})", fmt::join(options.scale.numbers(), ", ")),
                       shape_text(x.sizes()));
  }
  return "";
}

Tensor upsampled(const Tensor& x, UpsampleMode mode, const UpsampleOptions& options) {
  const Shape to = upsampled_sizes(x, options);
  if (x.is_meta()) {
    Shape shape{x.size(0), x.size(1)};
    for (int64_t size : to) shape.push_back(size);
    return x.new_empty(shape);
  }
  const bool align = options.align_corners;
  auto s = [&](size_t i) -> std::optional<double> {
    if (is_given(options.size)) return std::nullopt;
    return number(options.scale, i);
  };
  const size_t dims = to.size();
  switch (mode) {
    case UpsampleMode::Nearest:
      if (dims == 1) return at::upsample_nearest1d(x, to, s(0));
      if (dims == 2) return at::upsample_nearest2d(x, to, s(0), s(1));
      return at::upsample_nearest3d(x, to, s(0), s(1), s(2));
    case UpsampleMode::NearestExact:
      if (dims == 1) return at::_upsample_nearest_exact1d(x, to, s(0));
      if (dims == 2) return at::_upsample_nearest_exact2d(x, to, s(0), s(1));
      return at::_upsample_nearest_exact3d(x, to, s(0), s(1), s(2));
    case UpsampleMode::Bicubic:
      return at::upsample_bicubic2d(x, to, align, s(0), s(1));
    case UpsampleMode::Linear:
    case UpsampleMode::Bilinear:
    case UpsampleMode::Trilinear:
      break;
  }
  if (dims == 1) return at::upsample_linear1d(x, to, align, s(0));
  if (dims == 2) return at::upsample_bilinear2d(x, to, align, s(0), s(1));
  return at::upsample_trilinear3d(x, to, align, s(0), s(1), s(2));
}

Tensor upsample(const Tensor& x, UpsampleMode mode, const UpsampleOptions& options) {
  check_upsample("upsample", mode, options);
  if (auto mismatch = upsample_mismatch(x, mode, options); !mismatch.empty())
    throw ShapeError("upsample", mismatch);
  return upsampled(x, mode, options);
}

}  // namespace luxtorch::ops
