#include "ops/pad.h"

#include <ATen/ops/constant_pad_nd.h>
#include <fmt/format.h>

#include <algorithm>

#include "luxtorch/core/error.h"
#include "luxtorch/ops/pad.h"
#include "ops/window.h"
#include "text.h"

namespace luxtorch::ops {

namespace {

Pads pads_for(const Tensor& x, const luxtorch::Padding& pad) {
  return pads_of("pad", pad, Shape(std::vector<int64_t>(static_cast<size_t>(x.dim()) - 2, 0)));
}

Tensor checked_pad(const char* who, const Tensor& x, const luxtorch::Padding& pad, PadMode mode,
                   double value = 0) {
  check_pad(who, pad);
  if (auto mismatch = pad_mismatch(x, pad, mode); !mismatch.empty())
    throw ShapeError(who, mismatch);
  return padded_around(x, pad, mode, value);
}

}  // namespace

void check_pad(const std::string& who, const luxtorch::Padding& pad) {
  if (pad.is_same()) {
    throw ArgumentError(who, "expected pad as numbers, got SamePad, which needs a kernel.");
  }
  const Shape& numbers = pad.sides().numbers();
  if (std::all_of(numbers.begin(), numbers.end(), [](int64_t n) { return n >= 0; })) return;
  throw ArgumentError(
      who, fmt::format("expected pad of at least 0, got {}.",
                       pad.sides().for_every() ? std::to_string(numbers[0]) : shape_text(numbers)));
}

std::string pad_mismatch(const Tensor& x, const luxtorch::Padding& pad, PadMode mode) {
  if (x.dim() < 3 || x.dim() > 5) {
    return fmt::format("expected x of shape (batch, channels, 1 to 3 sizes), got {}.",
                       shape_text(x.sizes()));
  }
  const size_t dims = static_cast<size_t>(x.dim()) - 2, given = pad.sides().numbers().size();
  if (!pad.sides().for_every() && given != dims && given != 2 * dims) {
    return fmt::format(
        "expected x of shape (batch, channels, ...) with one or two of the numbers {} "
        "for each further dimension, got {}.",
        shape_text(pad.sides().numbers()), shape_text(x.sizes()));
  }
  return padding_mismatch(x.sizes(), pads_for(x, pad), mode);
}

Tensor padded_around(const Tensor& x, const luxtorch::Padding& pad, PadMode mode, double value) {
  const Pads pads = pads_for(x, pad);
  if (x.is_meta()) {  // where LibTorch alone has no kernel for most modes
    Shape shape = x.sizes();
    for (size_t i = 0; i < pads.low.size(); ++i) shape[i + 2] += pads.low[i] + pads.high[i];
    return x.new_empty(shape);
  }
  return mode == PadMode::Zeros ? at::constant_pad_nd(x, in_torch_order(pads), value)
                                : padded(x, pads, mode);
}

Tensor pad_constant(const Tensor& x, const luxtorch::Padding& pad, double value) {
  return checked_pad("pad_constant", x, pad, PadMode::Zeros, value);
}

Tensor pad_zeros(const Tensor& x, const luxtorch::Padding& pad) {
  return checked_pad("pad_zeros", x, pad, PadMode::Zeros);
}

Tensor pad_replicate(const Tensor& x, const luxtorch::Padding& pad) {
  return checked_pad("pad_replicate", x, pad, PadMode::Replicate);
}

Tensor pad_reflect(const Tensor& x, const luxtorch::Padding& pad) {
  return checked_pad("pad_reflect", x, pad, PadMode::Reflect);
}

Tensor pad_symmetric(const Tensor& x, const luxtorch::Padding& pad) {
  return checked_pad("pad_symmetric", x, pad, PadMode::Symmetric);
}

Tensor pad_circular(const Tensor& x, const luxtorch::Padding& pad) {
  return checked_pad("pad_circular", x, pad, PadMode::Circular);
}

}  // namespace luxtorch::ops
