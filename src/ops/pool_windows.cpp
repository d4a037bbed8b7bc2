#include "ops/pool_windows.h"

#include <fmt/format.h>

#include <cmath>

#include "luxtorch/core/error.h"
#include "text.h"

namespace luxtorch::ops {

namespace {

// Of dimension i, with the dilation.
int64_t length(const PoolWindows& windows, size_t i) {
  return reach(windows.window[i], windows.dilation[i]);
}

}  // namespace

void check_spatial(const std::string& who, const char* what, const Shape& numbers) {
  if (numbers.empty() || numbers.size() > 3) {
    throw ArgumentError(
        who, fmt::format("expected {} of 1 to 3 dimensions, got {}.", what, shape_text(numbers)));
  }
  for (int64_t n : numbers) {
    if (n >= 1) continue;
    throw ArgumentError(who, fmt::format("expected {} of at least 1 in each dimension, got {}.",
                                         what, shape_text(numbers)));
  }
}

void check_p(const std::string& who, double p) {
  if (p > 0 && std::isfinite(p)) return;
  throw ArgumentError(who, fmt::format("expected p above 0 and finite, got {}.", p));
}

PoolWindows pool_windows(const std::string& who, const Shape& window, const Sizes& stride,
                         const luxtorch::Padding& pad, const Sizes& dilation, bool ceil_mode) {
  check_spatial(who, "a window", window);
  const size_t dims = window.size();
  const bool given = stride.for_every() || !stride.numbers().empty();
  PoolWindows windows{.window = window,
                      .stride = given ? numbers_of(who, ".stride", stride, dims, 1) : window,
                      .dilation = numbers_of(who, ".dilation", dilation, dims, 1),
                      .pads = {},
                      .ceil_mode = ceil_mode};
  Shape totals;  // of SamePad
  for (size_t i = 0; i < dims; ++i) totals.push_back(length(windows, i) - 1);
  windows.pads = pads_of(who, pad, totals);
  return windows;
}

std::string image_mismatch(const Tensor& x, size_t dims) {
  if (!x.is_floating_point()) {
    return fmt::format(
        "expected x of a floating-point dtype, got {} of shape {}. x.to(kFloat32) "
        "converts it.",
        dtype_text(x.scalar_type()), shape_text(x.sizes()));
  }
  const auto rank = static_cast<size_t>(x.dim());
  if (rank == dims + 1 || rank == dims + 2) return "";
  return fmt::format("expected x of shape (batch, channels, {0}) or (channels, {0}), got {1}.",
                     spatial_names(dims), shape_text(x.sizes()));
}

std::string pool_mismatch(const Tensor& x, const PoolWindows& windows) {
  const size_t dims = windows.window.size();
  if (auto mismatch = image_mismatch(x, dims); !mismatch.empty()) return mismatch;
  const auto first = static_cast<size_t>(x.dim()) - dims;
  for (size_t i = 0; i < dims; ++i) {
    const int64_t size = x.sizes()[first + i], low = windows.pads.low[i],
                  high = windows.pads.high[i];
    if (size >= 1 && size + low + high >= length(windows, i)) continue;
    return fmt::format(
        "expected a window no longer than x with its padding in dimension {}, got a window of "
        "length {} and {} + {} + {} elements, x of shape {}.",
        first + i, length(windows, i), low, size, high, shape_text(x.sizes()));
  }
  return "";
}

Shape pooled_shape(ShapeView x, const PoolWindows& windows) {
  Shape shape = x;
  const size_t dims = windows.window.size(), first = x.size() - dims;
  for (size_t i = 0; i < dims; ++i) {
    const int64_t low = windows.pads.low[i], high = windows.pads.high[i],
                  stride = windows.stride[i];
    const int64_t room = x[first + i] + low + high - length(windows, i);
    int64_t count = (room + (windows.ceil_mode ? stride - 1 : 0)) / stride + 1;
    if (windows.ceil_mode && (count - 1) * stride >= x[first + i] + low) --count;
    shape[first + i] = count;
  }
  return shape;
}

}  // namespace luxtorch::ops
