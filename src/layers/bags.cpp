#include "layers/bags.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_embedding_bag.h>
#include <ATen/ops/_embedding_bag_backward.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/max.h>
#include <ATen/ops/where.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <limits>

#include "transforms.h"

namespace luxtorch {

namespace {

struct Bags {
  Tensor tokens, there;
  BagMode mode;
  std::optional<int64_t> padding;
};

// In operators that differentiate to every order, and that hold all rows.
Tensor plain(const Tensor& weight, const Bags& b) {
  const Tensor rows = at::embedding(weight, b.tokens);
  Tensor there = b.there;
  if (b.padding) {
    const Tensor counts = b.tokens.ne(*b.padding);
    there = there.defined() ? there.logical_and(counts) : counts;
  }
  if (b.mode == BagMode::Max) {
    if (rows.size(-2) == 0) return rows.sum(-2);
    if (!there.defined()) return std::get<0>(at::max(rows, -2));
    const auto seen =
        at::where(there.unsqueeze(-1), rows, -std::numeric_limits<double>::infinity());
    return at::where(there.any(-1, /*keepdim=*/true), std::get<0>(at::max(seen, -2)), 0);
  }
  const auto sum = (there.defined() ? at::where(there.unsqueeze(-1), rows, 0) : rows).sum(-2);
  if (b.mode == BagMode::Sum) return sum;
  if (!there.defined()) return sum.div(static_cast<double>(std::max<int64_t>(rows.size(-2), 1)));
  return sum.div(there.sum(-1, /*keepdim=*/true).clamp_min(1).to(rows.scalar_type()));
}

// The bags one after the other, and where each begins.
std::pair<Tensor, Tensor> one_after_the_other(const Bags& b) {
  if (!b.there.defined())
    return {b.tokens.reshape({-1}),
            at::arange(0, b.tokens.numel(), b.tokens.size(-1), b.tokens.options())};
  const auto counts = b.there.sum(-1).flatten();
  return {b.tokens.masked_select(b.there), counts.cumsum(0).sub(counts)};
}

// Torch's operator makes no tensor of all rows, but it has one derivative only, and none in forward mode.
struct FusedBags : torch::autograd::Function<FusedBags> {
  using Context = torch::autograd::AutogradContext;
  using Tensors = torch::autograd::variable_list;

  static Tensor forward(Context* context, const Tensor& weight, const Bags& b) {
    const auto [tokens, offsets] = one_after_the_other(b);
    const int64_t padding = b.padding.value_or(-1);
    auto [y, bag_of_token, sizes, maxima] =
        at::_embedding_bag(weight, tokens, offsets, /*scale_grad_by_freq=*/false,
                           static_cast<int64_t>(b.mode), /*sparse=*/false,
                           /*per_sample_weights=*/{}, /*include_last_offset=*/false, padding);
    context->save_for_backward(
        {weight, b.tokens, b.there, tokens, offsets, bag_of_token, sizes, maxima});
    context->saved_data["mode"] = static_cast<int64_t>(b.mode);
    context->saved_data["padding"] = padding;
    auto shape = b.tokens.sizes().vec();
    shape.back() = weight.size(1);
    return y.reshape(shape);
  }

  static Tensors backward(Context* context, const Tensors& by) {
    const auto saved = context->get_saved_variables();
    const Tensor& weight = saved[0];
    const int64_t mode = context->saved_data["mode"].toInt();
    const int64_t padding = context->saved_data["padding"].toInt();
    if (at::GradMode::is_enabled()) {
      const Bags b{saved[1], saved[2], static_cast<BagMode>(mode),
                   padding < 0 ? std::nullopt : std::optional(padding)};
      return {torch::autograd::grad({plain(weight, b)}, {weight}, {by[0]}, /*retain_graph=*/true,
                                    /*create_graph=*/true)[0],
              Tensor()};
    }
    return {at::_embedding_bag_backward(by[0].reshape({-1, weight.size(1)}).contiguous(), saved[3],
                                        saved[4], saved[5], saved[6], saved[7], weight.size(0),
                                        /*scale_grad_by_freq=*/false, mode,
                                        /*sparse=*/false, /*per_sample_weights=*/{}, padding),
            Tensor()};
  }
};

bool is_full_precision(const Tensor& t) {
  return t.scalar_type() == kFloat32 || t.scalar_type() == kFloat64;
}

}  // namespace

Tensor combined_rows(const Tensor& weight, const Tensor& tokens, const Tensor& there, BagMode mode,
                     std::optional<int64_t> padding) {
  const Bags b{tokens, there, mode, padding};
  const bool fused =
      !transforms::active() && !weight.is_meta() && is_full_precision(weight) && tokens.numel() > 0;
  return fused ? FusedBags::apply(weight, b) : plain(weight, b);
}

}  // namespace luxtorch
