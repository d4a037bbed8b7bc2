#include "ops/attention_fused.h"

#include <ATen/Dispatch.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/parallel.h"
#include "kernels/transformer.h"
#include "ops/fast_path.h"
#include "ops/if_defined.h"
#include "ops/run_again.h"

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
  const std::array<Tensor*, 3> inputs{&call.q, &call.k, &call.v};
  std::vector<bool> needed;
  for (const Tensor* t : inputs) needed.push_back(t->requires_grad());
  return gradients_by_running_again(inputs, needed, {&by_y, 1}, [&]() -> Tensors {
    return {at::matmul(plain_scores(call), call.v)};
  });
}

// (kv_heads, ...) to (heads, ...): each key head for its group of query heads.
Tensor for_each_query_head(const Tensor& t, int64_t heads) {
  const int64_t kv_heads = t.size(1);
  if (kv_heads == heads) return t;
  return t.unsqueeze(2).expand({-1, -1, heads / kv_heads, -1, -1}).flatten(1, 2);
}

// y of one query for each head, without a graph. Where causality is all there is, it sees the first key alone.
Tensor one_query(const AttentionCall& call) {
  auto with_rows = [](const Tensor& t) { return t.stride(-1) == 1 ? t : t.contiguous(); };
  const Tensor q = with_rows(call.q), k = with_rows(call.k), v = with_rows(call.v);
  const int64_t batch = q.size(0), heads = q.size(1), keys = call.is_causal ? 1 : k.size(2),
                e = v.size(3);
  const int64_t group = heads / k.size(1), d = q.size(3),
                grain = kOfOneThread / (keys * (d + e)) + 1;
  const Tensor y = at::empty({batch, heads, 1, e}, q.options());
  AT_DISPATCH_FLOATING_TYPES(q.scalar_type(), "one_query", [&] {
    const auto *qs = q.const_data_ptr<scalar_t>(), *ks = k.const_data_ptr<scalar_t>(),
               *vs = v.const_data_ptr<scalar_t>();
    const Tensor& added = call.added;
    const auto* addeds = data_or_null<scalar_t>(added);
    auto* to = y.mutable_data_ptr<scalar_t>();
    detail::parallel_for(0, batch * heads, grain, [&](int64_t first, int64_t last) {
      std::vector<scalar_t> scores(static_cast<size_t>(keys));
      for (int64_t i = first; i < last; ++i) {
        const int64_t b = i / heads, h = i % heads, kv = h / group;
        auto row = [&](const Tensor& t) {
          return (t.size(0) == 1 ? 0 : b * t.stride(0)) + (t.size(1) == 1 ? 0 : h * t.stride(1));
        };
        kernels::attend(qs + b * q.stride(0) + h * q.stride(1),
                        {.k = ks + b * k.stride(0) + kv * k.stride(1),
                         .v = vs + b * v.stride(0) + kv * v.stride(1),
                         .k_stride = k.stride(2),
                         .v_stride = v.stride(2),
                         .added = addeds ? addeds + row(added) : nullptr},
                        keys, d, e, static_cast<scalar_t>(call.scale), scores.data(), to + i * e);
      }
    });
  });
  return y;
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
  if (call.q.size(-2) == 1) {  // where torch's kernel is slower
    const bool takes_own = is_unrecorded({&call.q, &call.k, &call.v, &call.added});
    return takes_own ? nullptr : "one query needs gradients";
  }
  if (call.q.size(-1) != call.v.size(-1)) return "keys and values have different sizes";
  const bool differentiates_added =
      at::GradMode::is_enabled() && call.added.defined() && call.added.requires_grad();
  return differentiates_added ? "the bias needs a gradient" : nullptr;
}

Tensor fused_attention(const AttentionCall& given) {
  AttentionCall call = given;
  if (call.q.size(-2) == 1) return one_query(call);
  const int64_t heads = call.q.size(1);
  call.k = for_each_query_head(call.k, heads), call.v = for_each_query_head(call.v, heads);
  for (Tensor* t : {&call.q, &call.k, &call.v})
    if (t->stride(-1) != 1) *t = t->contiguous();
  const bool recorded =
      at::GradMode::is_enabled() &&
      (call.q.requires_grad() || call.k.requires_grad() || call.v.requires_grad());
  if (!recorded) return run_kernel(call).y;
  return FusedAttention::apply(call.q, call.k, call.v, call);
}

}  // namespace luxtorch::ops
