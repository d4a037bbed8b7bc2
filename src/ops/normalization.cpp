#include "luxtorch/ops/normalization.h"

#include <ATen/ops/group_norm.h>

namespace luxtorch::ops {

Tensor groupnorm(const Tensor& x, const Tensor& scale, const Tensor& bias, int64_t groups,
                 double epsilon) {
  if (x.is_meta()) return x.new_empty(x.sizes());  // LibTorch alone has no kernel there
  auto optional = [](const Tensor& t) { return t.defined() ? std::optional(t) : std::nullopt; };
  const Dtype dtype = x.scalar_type();
  const bool narrow = dtype == Dtype::Half || dtype == Dtype::BFloat16;
  auto is_wider = [&](const Tensor& t) { return t.defined() && t.scalar_type() != dtype; };
  const bool mixed = narrow && (is_wider(scale) || is_wider(bias));
  const Tensor y = at::group_norm(mixed ? x.to(kFloat32) : x, groups, optional(scale),
                                  optional(bias), epsilon, /*cudnn_enabled=*/true);
  return mixed ? y.to(dtype) : y;
}

}  // namespace luxtorch::ops
