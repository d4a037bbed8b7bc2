#include "ops/attention_fused.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <ATen/ops/alias.h>
#include <ATen/ops/matmul.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include "ops/fast_path.h"
#include "ops/if_defined.h"

namespace luxtorch::ops {

namespace {

using Tensors = torch::autograd::variable_list;

struct Computed {
  Tensor y, logsumexp;
};
Computed run_kernel(const AttentionCall& call) {
  auto [y, logsumexp] = at::_scaled_dot_product_flash_attention_for_cpu(
      call.q, call.k, call.v, /*dropout_p=*/0, call.is_causal, if_defined(call.added), call.scale);
  return {std::move(y), std::move(logsumexp)};
}

// Gradients that are differentiated further, or transformed: of torch's operators, run again.
Tensors gradients_in_plain_ops(AttentionCall call, const Tensor& by_y) {
  const bool create_graph = at::GradMode::is_enabled();
  const at::AutoGradMode recording(true);
  Tensors leaves, all(3);
  std::array<Tensor*, 3> inputs{&call.q, &call.k, &call.v};
  std::array<bool, 3> needed{};
  // Through an alias, the gradient by one input does not pass through another that it came from.
  for (size_t i = 0; i < inputs.size(); ++i) {
    needed[i] = inputs[i]->requires_grad();
    if (needed[i]) leaves.push_back(*inputs[i] = at::alias(*inputs[i]));
  }
  const Tensor y = at::matmul(plain_scores(call), call.v);
  auto found = torch::autograd::grad({y}, leaves, {by_y}, /*retain_graph=*/true, create_graph,
                                     /*allow_unused=*/true);
  for (size_t i = 0, next = 0; i < inputs.size(); ++i)
    if (needed[i]) all[i] = std::move(found[next++]);
  return all;
}

struct FusedAttention : torch::autograd::Function<FusedAttention> {
  using Context = torch::autograd::AutogradContext;

  // What is not differentiated comes in one argument: torch makes an edge of every tensor among them.
  static Tensor forward(Context* context, const Tensor& q, const Tensor& k, const Tensor& v,
                        const AttentionCall& call) {
    auto [y, logsumexp] = run_kernel(call);
    context->save_for_backward({q, k, v, y, logsumexp, call.added});
    context->saved_data["is_causal"] = call.is_causal;
    context->saved_data["scale"] = call.scale;
    return y;
  }

  static Tensors backward(Context* context, const Tensors& by_outputs) {
    const auto saved = context->get_saved_variables();
    const Tensor& by_y = by_outputs[0];
    if (!by_y.defined()) return Tensors(4);
    const AttentionCall call{.q = saved[0],
                             .k = saved[1],
                             .v = saved[2],
                             .added = saved[5],
                             .is_causal = context->saved_data["is_causal"].toBool(),
                             .scale = context->saved_data["scale"].toDouble()};
    if (at::GradMode::is_enabled() || transforms::active() || is_indirect(by_y) ||
        has_tangent(by_y)) {
      auto all = gradients_in_plain_ops(call, by_y);
      all.emplace_back();
      return all;
    }
    auto [by_q, by_k, by_v] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
        by_y.contiguous(), call.q, call.k, call.v, saved[3], saved[4], /*dropout_p=*/0,
        call.is_causal, if_defined(call.added), call.scale);
    return {by_q, by_k, by_v, Tensor()};
  }
};

}  // namespace

const char* why_not_fused(const AttentionCall& call) {
  if (const char* reason = why_disabled(FusedOp::attention)) return reason;
  if (const char* reason =
          why_unreadable(call.q.scalar_type(), {&call.q, &call.k, &call.v, &call.added}))
    return reason;
  if (call.q.numel() == 0 || call.k.numel() == 0) return "a tensor is empty";
  if (call.q.size(-1) != call.v.size(-1)) return "keys and values have different sizes";
  if (call.q.size(-2) == 1) return "there is one query";  // where the kernel is slower
  const bool differentiates_added =
      at::GradMode::is_enabled() && call.added.defined() && call.added.requires_grad();
  return differentiates_added ? "the bias needs a gradient" : nullptr;
}

Tensor fused_attention(const AttentionCall& given) {
  AttentionCall call = given;
  for (Tensor* t : {&call.q, &call.k, &call.v})
    if (t->stride(-1) != 1) *t = t->contiguous();
  const bool recorded =
      at::GradMode::is_enabled() &&
      (call.q.requires_grad() || call.k.requires_grad() || call.v.requires_grad());
  if (!recorded) return run_kernel(call).y;
  return FusedAttention::apply(call.q, call.k, call.v, call);
}

}  // namespace luxtorch::ops
