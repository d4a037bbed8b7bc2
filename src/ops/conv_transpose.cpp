#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/convolution.h>
#include <c10/util/accumulate.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "luxtorch/core/error.h"
#include "ops/conv.h"
#include "ops/flops.h"
#include "ops/if_defined.h"
#include "ops/meta_kernels.h"
#include "text.h"

namespace luxtorch::ops {

namespace {

// What torch's operator takes itself: equal padding, and an outpad that it can tell from a larger x.
bool is_torchs(const ConvTransposePlan& plan) {
  if (plan.pads.low != plan.pads.high) return false;
  for (size_t i = 0; i < plan.dims(); ++i)
    if (plan.outpad[i] >= std::max(plan.stride[i], plan.dilation[i])) return false;
  return true;
}

// full without its first `low` and last `high` elements; a negative `high` adds zeros. First the zeros,
// since `low` may take some of them away too.
Tensor cut(const Tensor& full, const Shape& low, const Shape& high) {
  Pads more{.low = Shape(std::vector<int64_t>(low.size(), 0)), .high = high}, less{low, high};
  for (size_t i = 0; i < low.size(); ++i) {
    more.high[i] = std::max<int64_t>(-high[i], 0);
    less.low[i] = -low[i];
    less.high[i] = -std::max<int64_t>(high[i], 0);
  }
  const Tensor wide = is_zero(more.high) ? full : at::constant_pad_nd(full, in_torch_order(more));
  return at::constant_pad_nd(wide, in_torch_order(less));
}

Tensor cut_by_hand(const Tensor& x, const Tensor& weight, const Tensor& bias,
                   const ConvTransposePlan& plan) {
  const Shape none(std::vector<int64_t>(plan.dims(), 0));
  const Tensor full = at::convolution(x, weight, std::nullopt, plan.stride, none, plan.dilation,
                                      /*transposed=*/true, none, plan.groups);
  Shape high = plan.pads.high;
  for (size_t i = 0; i < plan.dims(); ++i) high[i] -= plan.outpad[i];
  const Tensor y = cut(full, plan.pads.low, high);
  if (!bias.defined()) return y;
  Shape beside(std::vector<int64_t>(plan.dims() + 1, 1));
  beside[0] = bias.size(0);
  return y.add(bias.reshape(beside));
}

}  // namespace

void set_numbers(ConvTransposePlan& plan, const std::string& who, ShapeView kernel,
                 const Sizes& stride, const luxtorch::Padding& pad, const Sizes& outpad,
                 const Sizes& dilation) {
  const size_t dims = kernel.size();
  plan.stride = numbers_of(who, ".stride", stride, dims, 1);
  plan.dilation = numbers_of(who, ".dilation", dilation, dims, 1);
  plan.outpad = numbers_of(who, ".outpad", outpad, dims, 0);
  Shape totals;
  for (size_t i = 0; i < dims; ++i) {
    totals.push_back(plan.dilation[i] * (kernel[i] - plan.stride[i]));
    if (totals[i] >= 0 || !pad.is_same()) continue;
    throw ArgumentError(
        who, fmt::format("expected kernels of at least the stride for SamePad, got a kernel of {} "
                         "and a stride of {}. Use .outpad in its place.",
                         kernel[i], plan.stride[i]));
  }
  plan.pads = pads_of(who, pad, totals);
}

std::string output_mismatch(ShapeView x, ShapeView kernel, const ConvTransposePlan& plan) {
  const size_t first = x.size() - plan.dims();
  for (size_t i = 0; i < plan.dims(); ++i) {
    const int64_t size = x[first + i], low = plan.pads.low[i], high = plan.pads.high[i];
    const int64_t full = (size - 1) * plan.stride[i] + reach(kernel[i], plan.dilation[i]);
    const int64_t there = full - low - high + plan.outpad[i];
    if (size >= 1 && there >= 1) continue;
    return fmt::format(
        "expected a size of at least 1 in dimension {} of x and of the output, got {} and {}: x of "
        "shape {} with padding ({}, {}).",
        first + i, size, there, shape_text(x), low, high);
  }
  return "";
}

Tensor conv_transposed(const Tensor& x, const Tensor& weight, const Tensor& bias,
                       const ConvTransposePlan& plan) {
  if (x.is_meta()) register_meta_kernels();  // LibTorch alone has none for convolutions
  const bool one = static_cast<size_t>(x.dim()) == plan.dims() + 1;
  const Tensor batch = one ? x.unsqueeze(0) : x;
  const Tensor taps = plan.cross_correlation ? weight : flipped_taps(weight);
  const Tensor y = is_torchs(plan) ? at::convolution(batch, taps, if_defined(bias), plan.stride,
                                                     plan.pads.low, plan.dilation,
                                                     /*transposed=*/true, plan.outpad, plan.groups)
                                   : cut_by_hand(batch, taps, bias, plan);
  count_product(batch.size(0) * c10::multiply_integers(batch.sizes().slice(2)), weight.size(0),
                c10::multiply_integers(weight.sizes().slice(1)), {&x, &weight});
  return one ? y.squeeze(0) : y;
}

Tensor conv_transpose(const Tensor& x, const Tensor& weight, const Tensor& bias,
                      const ConvTransposeOptions& options) {
  constexpr const char* kWho = "ops::conv_transpose";
  check_weight(kWho, weight);
  const auto kernel = weight.sizes().slice(2);
  const int64_t in = weight.size(0), out = weight.size(1) * options.groups;
  const auto plan = conv_transpose_plan(kWho, kernel, in, out, options);
  check_tensors(kWho, x, weight, bias, in, out);
  check_that(kWho, output_mismatch(x.sizes(), kernel, plan));
  return conv_transposed(x, weight, bias, plan);
}

}  // namespace luxtorch::ops
