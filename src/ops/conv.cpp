#include "ops/conv.h"

#include <ATen/ops/convolution.h>
#include <ATen/ops/flip.h>
#include <c10/util/accumulate.h>
#include <fmt/format.h>

#include "luxtorch/core/error.h"
#include "ops/flops.h"
#include "ops/if_defined.h"
#include "ops/meta_kernels.h"
#include "text.h"

namespace luxtorch::ops {

namespace {

void check_divides(const std::string& who, const char* channels, int64_t count, int64_t groups) {
  if (count % groups == 0) return;
  throw ArgumentError(
      who, fmt::format("expected {0} divisible by .groups, got {1} {0} and {2} groups.", channels,
                       count, groups));
}

void check_alike(const char* who, const char* what, const Tensor& t, const Tensor& x) {
  if (t.scalar_type() == x.scalar_type() && t.device() == x.device()) return;
  throw ShapeError(who, fmt::format("expected {} of x's dtype {} on {}, got {} on {}.", what,
                                    dtype_text(x.scalar_type()), x.device().str(),
                                    dtype_text(t.scalar_type()), t.device().str()));
}

}  // namespace

void check_groups(const std::string& who, int64_t in, int64_t out, int64_t groups) {
  if (groups < 1) {
    throw ArgumentError(who, fmt::format("expected .groups of at least 1, got {}.", groups));
  }
  check_divides(who, "in_channels", in, groups);
  check_divides(who, "out_channels", out, groups);
}

void check_that(const char* who, const std::string& mismatch) {
  if (!mismatch.empty()) throw ShapeError(who, mismatch);
}

void check_weight(const char* who, const Tensor& weight) {
  if (weight.dim() >= 3 && weight.dim() <= 5) return;
  throw ShapeError(who, fmt::format("expected weight with 1 to 3 spatial dimensions behind 2 of "
                                    "channels, got {}.",
                                    shape_text(weight.sizes())));
}

void check_tensors(const char* who, const Tensor& x, const Tensor& weight, const Tensor& bias,
                   int64_t in, int64_t out) {
  check_that(who, channels_mismatch(x.sizes(), in, static_cast<size_t>(weight.dim()) - 2));
  check_alike(who, "weight", weight, x);
  if (!bias.defined()) return;
  check_alike(who, "bias", bias, x);
  if (bias.sizes().equals({out})) return;
  throw ShapeError(
      who, fmt::format("expected bias of shape ({},), got {}.", out, shape_text(bias.sizes())));
}

void set_numbers(ConvPlan& plan, const std::string& who, ShapeView kernel, const Sizes& stride,
                 const luxtorch::Padding& pad, const Sizes& dilation) {
  const size_t dims = kernel.size();
  plan.stride = numbers_of(who, ".stride", stride, dims, 1);
  plan.dilation = numbers_of(who, ".dilation", dilation, dims, 1);
  Shape totals;
  for (size_t i = 0; i < dims; ++i) totals.push_back(reach(kernel[i], plan.dilation[i]) - 1);
  plan.pads = pads_of(who, pad, totals);
}

std::string channels_mismatch(ShapeView x, int64_t in, size_t dims) {
  const bool batched = x.size() == dims + 2, one = x.size() == dims + 1;
  if ((batched && x[1] == in) || (one && x[0] == in)) return "";
  return fmt::format("expected x of shape (batch, {0}, {1}) or ({0}, {1}), got {2}.", in,
                     spatial_names(dims), shape_text(x));
}

std::string kernel_mismatch(ShapeView x, ShapeView kernel, const ConvPlan& plan) {
  const size_t first = x.size() - plan.dims();
  for (size_t i = 0; i < plan.dims(); ++i) {
    const int64_t low = plan.pads.low[i], high = plan.pads.high[i];
    const int64_t there = x[first + i] + low + high, least = reach(kernel[i], plan.dilation[i]);
    if (there >= least) continue;
    return fmt::format(
        "expected a padded size of at least {} in dimension {}, for a kernel of {} with dilation "
        "{}, got {}: x of shape {} with padding ({}, {}).",
        least, first + i, kernel[i], plan.dilation[i], there, shape_text(x), low, high);
  }
  return padding_mismatch(x, plan.pads, plan.pad_mode);
}

Tensor flipped_taps(const Tensor& weight) {
  std::vector<int64_t> taps;
  for (int64_t d = 2; d < weight.dim(); ++d) taps.push_back(d);
  return at::flip(weight, taps);
}

Tensor convolved(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvPlan& plan) {
  if (x.is_meta()) register_meta_kernels();  // LibTorch alone has none for convolutions
  const bool one = static_cast<size_t>(x.dim()) == plan.dims() + 1;
  const Tensor batch = one ? x.unsqueeze(0) : x;
  const Shape none(std::vector<int64_t>(plan.dims(), 0));
  const bool by_torch = plan.pad_mode == PadMode::Zeros && plan.pads.low == plan.pads.high;
  const Tensor y =
      at::convolution(by_torch ? batch : padded(batch, plan.pads, plan.pad_mode),
                      plan.cross_correlation ? weight : flipped_taps(weight), if_defined(bias),
                      plan.stride, by_torch ? plan.pads.low : none, plan.dilation,
                      /*transposed=*/false, none, plan.groups);
  count_product(y.size(0) * c10::multiply_integers(y.sizes().slice(2)),
                c10::multiply_integers(weight.sizes().slice(1)), weight.size(0), {&x, &weight});
  return one ? y.squeeze(0) : y;
}

Tensor conv(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvOptions& options) {
  constexpr const char* kWho = "ops::conv";
  check_weight(kWho, weight);
  const auto kernel = weight.sizes().slice(2);
  const int64_t in = weight.size(1) * options.groups, out = weight.size(0);
  const auto plan = conv_plan(kWho, kernel, in, out, options);
  check_tensors(kWho, x, weight, bias, in, out);
  check_that(kWho, kernel_mismatch(x.sizes(), kernel, plan));
  return convolved(x, weight, bias, plan);
}

}  // namespace luxtorch::ops
