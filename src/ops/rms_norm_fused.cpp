#include "ops/rms_norm_fused.h"

#include <ATen/Dispatch.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <optional>

#include "core/parallel.h"
#include "kernels/transformer.h"
#include "ops/fast_path.h"
#include "ops/if_defined.h"

namespace luxtorch::ops {

namespace {

using Tensors = torch::autograd::variable_list;

Tensor normalized(const Tensor& x, const Tensor& scale, int64_t features, double epsilon) {
  const Tensor y = at::empty_like(x);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "rms_norm", [&] {
    const auto *from = x.const_data_ptr<scalar_t>(), *scales = data_or_null<scalar_t>(scale);
    auto* to = y.mutable_data_ptr<scalar_t>();
    detail::parallel_for(0, x.numel() / features, kOfOneThread / features + 1,
                         [&](int64_t first, int64_t last) {
                           kernels::rms_norm(from + first * features, scales, last - first,
                                             features, epsilon, to + first * features);
                         });
  });
  return y;
}

// By x and by scale. The cut into parts, whose sums are added, does not depend on the number of threads.
Tensors gradients(const Tensor& g, const Tensor& x, const Tensor& scale, int64_t features,
                  double epsilon) {
  constexpr int64_t kParts = 16;
  const int64_t rows = x.numel() / features,
                size = std::max((rows + kParts - 1) / kParts, kOfOneThread / features / 4 + 1),
                parts = (rows + size - 1) / size;
  const Tensor by_x = at::empty_like(x);
  const Tensor sums = scale.defined() ? at::zeros({parts, features}, x.options()) : Tensor();
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "rms_norm_backward", [&] {
    const auto *by_y = g.const_data_ptr<scalar_t>(), *from = x.const_data_ptr<scalar_t>(),
               *scales = data_or_null<scalar_t>(scale);
    auto* to = by_x.mutable_data_ptr<scalar_t>();
    auto* to_sums = sums.defined() ? sums.mutable_data_ptr<scalar_t>() : nullptr;
    detail::parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        const int64_t at = i * size * features;
        kernels::rms_norm_backward(by_y + at, from + at, scales, std::min(size, rows - i * size),
                                   features, epsilon, to + at,
                                   to_sums ? to_sums + i * features : nullptr);
      }
    });
  });
  return {by_x, sums.defined() ? sums.sum(0).reshape(scale.sizes()) : Tensor()};
}

// The same in torch's operators, for gradients that are part of a graph.
Tensors gradients_in_plain_ops(const Tensor& g, const Tensor& x, const Tensor& scale,
                               int64_t features, double epsilon) {
  const Tensor rows = x.reshape({-1, features}), by_y = g.reshape({-1, features});
  const Tensor factor = rows.square().mean(-1, /*keepdim=*/true).add(epsilon).rsqrt();
  const Tensor by_normal = scale.defined() ? by_y.mul(scale.reshape({features})) : by_y;
  const Tensor along = by_normal.mul(rows).mean(-1, /*keepdim=*/true).mul(factor.pow(3));
  const Tensor by_x = by_normal.mul(factor).sub(rows.mul(along)).reshape(x.sizes());
  if (!scale.defined()) return {by_x, Tensor()};
  return {by_x, by_y.mul(rows).mul(factor).sum(0).reshape(scale.sizes())};
}

struct FusedRmsNorm : torch::autograd::Function<FusedRmsNorm> {
  using Context = torch::autograd::AutogradContext;

  // What is not differentiated comes in one argument: torch makes an edge of every tensor among them.
  struct Rest {
    int64_t features;
    double epsilon;
  };

  static Tensor forward(Context* context, const Tensor& x, const std::optional<Tensor>& given,
                        const Rest& rest) {
    const Tensor scale = given.value_or(Tensor());
    context->save_for_backward({x, scale});
    context->saved_data["features"] = rest.features;
    context->saved_data["epsilon"] = rest.epsilon;
    return normalized(x, scale, rest.features, rest.epsilon);
  }

  static Tensors backward(Context* context, const Tensors& by_outputs) {
    const auto saved = context->get_saved_variables();
    const Tensor &g = by_outputs[0], &x = saved[0], &scale = saved[1];
    if (!g.defined()) return Tensors(3);
    const int64_t features = context->saved_data["features"].toInt();
    const double epsilon = context->saved_data["epsilon"].toDouble();
    const bool plain = at::GradMode::is_enabled() || !is_readable({&g, &x, &scale});
    Tensors all = plain ? gradients_in_plain_ops(g, x, scale, features, epsilon)
                        : gradients(g.contiguous(), x, scale, features, epsilon);
    all.emplace_back();
    return all;
  }
};

}  // namespace

bool may_fuse_rms_norm(const Tensor& x, const Tensor& scale) {
  return is_readable({&x, &scale}) && x.numel() > 0 && x.is_contiguous() &&
         (!scale.defined() || scale.is_contiguous());
}

Tensor fused_rms_norm(const Tensor& x, const Tensor& scale, int64_t features, double epsilon) {
  if (is_recorded(x) || (scale.defined() && is_recorded(scale)))
    return FusedRmsNorm::apply(x, if_defined(scale), FusedRmsNorm::Rest{features, epsilon});
  return normalized(x, scale, features, epsilon);
}

}  // namespace luxtorch::ops
