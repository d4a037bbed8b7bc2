#include "luxtorch/ops/normalization.h"

#include <ATen/ops/group_norm.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/rms_norm.h>
#include <c10/core/WrapDimMinimal.h>
#include <c10/util/accumulate.h>

#include "ops/half_precision.h"
#include "ops/if_defined.h"
#include "ops/rms_norm_fused.h"
#include "transforms.h"

namespace luxtorch::ops {

namespace {

// x as torch's operators take it: in float32 where it is of half precision and a parameter is not.
Tensor widened(const Tensor& x, const Tensor& scale, const Tensor& bias) {
  auto is_wider = [&](const Tensor& t) {
    return t.defined() && t.scalar_type() != x.scalar_type();
  };
  return is_half(x) && (is_wider(scale) || is_wider(bias)) ? x.to(kFloat32) : x;
}

// x as plain operators take it, whose sums need float32 in any case.
Tensor in_float32(const Tensor& x) { return is_half(x) ? x.to(kFloat32) : x; }

ShapeView last_sizes(const Tensor& x, size_t count) {
  return x.sizes().slice(x.sizes().size() - count);
}

// Are dims the last ones of x, in order, and are the parameters there of their shape? torch's operators
// take nothing else.
bool are_last(const Tensor& x, ShapeView dims, const Tensor& scale, const Tensor& bias) {
  const auto first = x.dim() - static_cast<int64_t>(dims.size());
  for (size_t i = 0; i < dims.size(); ++i) {
    if (c10::maybe_wrap_dim(dims[i], x.dim()) != first + static_cast<int64_t>(i)) return false;
  }
  auto fits = [&](const Tensor& t) {
    return !t.defined() || t.sizes() == last_sizes(x, dims.size());
  };
  return !dims.empty() && fits(scale) && fits(bias);
}

}  // namespace

Tensor groupnorm(const Tensor& x, const Tensor& scale, const Tensor& bias, int64_t groups,
                 double epsilon) {
  if (x.is_meta()) return x.new_empty(x.sizes());  // LibTorch alone has no kernel there
  return at::group_norm(widened(x, scale, bias), groups, if_defined(scale), if_defined(bias),
                        epsilon,
                        /*cudnn_enabled=*/true)
      .to(x.scalar_type());
}

Tensor instancenorm(const Tensor& x, const Tensor& scale, const Tensor& bias, double epsilon) {
  return groupnorm(x, scale, bias, x.size(1), epsilon);
}

Tensor layernorm(const Tensor& x, const Tensor& scale, const Tensor& bias, ShapeView dims,
                 double epsilon) {
  if (x.is_meta()) return x.new_empty(x.sizes());  // LibTorch alone has no kernel there
  // torch's forward rule gives wrong numbers when it is differentiated (pytorch/pytorch issue 196700).
  if (!transforms::active() && are_last(x, dims, scale, bias)) {
    return at::layer_norm(widened(x, scale, bias), last_sizes(x, dims.size()), if_defined(scale),
                          if_defined(bias), epsilon, /*cudnn_enable=*/true)
        .to(x.scalar_type());
  }
  const Tensor wide = in_float32(x);
  const Tensor from_mean = wide.sub(wide.mean(dims, /*keepdim=*/true));
  Tensor y = from_mean.mul(from_mean.square().mean(dims, /*keepdim=*/true).add(epsilon).rsqrt());
  if (scale.defined()) y = y.mul(scale);
  if (bias.defined()) y = y.add(bias);
  return y.to(x.scalar_type());
}

Tensor rms_norm(const Tensor& x, const Tensor& scale, ShapeView dims, double epsilon) {
  if (x.is_meta()) return x.new_empty(x.sizes());
  if (may_fuse_rms_norm(x, scale) && are_last(x, dims, scale, {})) {
    const int64_t features = c10::multiply_integers(last_sizes(x, dims.size()));
    return fused_rms_norm(x, scale, features, epsilon);
  }
  // Not every device's operator has a forward mode.
  if (!transforms::active() && are_last(x, dims, scale, {})) {
    return at::rms_norm(widened(x, scale, {}), last_sizes(x, dims.size()), if_defined(scale),
                        epsilon)
        .to(x.scalar_type());
  }
  const Tensor wide = in_float32(x);
  Tensor y = wide.mul(wide.square().mean(dims, /*keepdim=*/true).add(epsilon).rsqrt());
  if (scale.defined()) y = y.mul(scale);
  return y.to(x.scalar_type());
}

}  // namespace luxtorch::ops
