#include "luxtorch/ops/normalization.h"

#include <ATen/ops/group_norm.h>
#include <ATen/ops/layer_norm.h>
#include <c10/core/WrapDimMinimal.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace luxtorch::ops {

namespace {

std::optional<Tensor> optional(const Tensor& t) {
  return t.defined() ? std::optional(t) : std::nullopt;
}

// x as the arithmetic takes it: in float32 where it is of half precision and a parameter is not.
Tensor widened(const Tensor& x, const Tensor& scale, const Tensor& bias) {
  const Dtype dtype = x.scalar_type();
  const bool narrow = dtype == Dtype::Half || dtype == Dtype::BFloat16;
  auto is_wider = [&](const Tensor& t) { return t.defined() && t.scalar_type() != dtype; };
  return narrow && (is_wider(scale) || is_wider(bias)) ? x.to(kFloat32) : x;
}

// Are dims the last ones of x, in order, and are the parameters there of their shape? torch's operators
// take nothing else.
bool are_last(const Tensor& x, ShapeView dims, const Tensor& scale, const Tensor& bias) {
  const auto first = x.dim() - static_cast<int64_t>(dims.size());
  for (size_t i = 0; i < dims.size(); ++i) {
    if (c10::maybe_wrap_dim(dims[i], x.dim()) != first + static_cast<int64_t>(i)) return false;
  }
  auto fits = [&](const Tensor& t) {
    return !t.defined() || t.sizes() == x.sizes().slice(static_cast<size_t>(first));
  };
  return !dims.empty() && fits(scale) && fits(bias);
}

}  // namespace

Tensor groupnorm(const Tensor& x, const Tensor& scale, const Tensor& bias, int64_t groups,
                 double epsilon) {
  if (x.is_meta()) return x.new_empty(x.sizes());  // LibTorch alone has no kernel there
  return at::group_norm(widened(x, scale, bias), groups, optional(scale), optional(bias), epsilon,
                        /*cudnn_enabled=*/true)
      .to(x.scalar_type());
}

Tensor layernorm(const Tensor& x, const Tensor& scale, const Tensor& bias, ShapeView dims,
                 double epsilon) {
  if (x.is_meta()) return x.new_empty(x.sizes());  // LibTorch alone has no kernel there
  const Tensor wide = widened(x, scale, bias);
  if (are_last(x, dims, scale, bias)) {
    const auto shape = x.sizes().slice(static_cast<size_t>(x.dim()) - dims.size());
    return at::layer_norm(wide, shape, optional(scale), optional(bias), epsilon,
                          /*cudnn_enable=*/true)
        .to(x.scalar_type());
  }
  const Tensor from_mean = wide.sub(wide.mean(dims, /*keepdim=*/true));
  Tensor y = from_mean.mul(from_mean.square().mean(dims, /*keepdim=*/true).add(epsilon).rsqrt());
  if (scale.defined()) y = y.mul(scale);
  if (bias.defined()) y = y.add(bias);
  return y.to(x.scalar_type());
}

}  // namespace luxtorch::ops
