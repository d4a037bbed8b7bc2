#include "luxtorch/ops/attention.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/logical_not.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "autocast.h"
#include "luxtorch/core/error.h"
#include "ops/attention_fused.h"
#include "ops/fast_path.h"
#include "text.h"

namespace luxtorch::ops {

namespace {

constexpr const char* kName = "scaled_dot_product_attention";
constexpr double kForbidden = -std::numeric_limits<double>::infinity();

[[noreturn]] void refuse(const std::string& message) { throw ShapeError(kName, message); }

void check(const Tensor& q, const Tensor& k, const Tensor& v) {
  const int64_t rank = q.dim();
  auto shapes = [&] {
    return fmt::format("got {}, {} and {}.", shape_text(q.sizes()), shape_text(k.sizes()),
                       shape_text(v.sizes()));
  };
  if ((rank != 3 && rank != 4) || k.dim() != rank || v.dim() != rank) {
    refuse(
        "expected q, k and v of shapes (batch, heads, queries, d), (batch, kv_heads, keys, d) "
        "and (batch, kv_heads, keys, e), or all without batch, " +
        shapes());
  }
  if (rank == 4 && (k.size(0) != q.size(0) || v.size(0) != q.size(0)))
    refuse("expected q, k and v of one batch size, " + shapes());
  if (k.size(-1) != q.size(-1)) refuse("expected q and k of one last size, " + shapes());
  if (v.size(-2) != k.size(-2) || v.size(-3) != k.size(-3))
    refuse("expected k and v of as many heads and keys each, " + shapes());
  const int64_t heads = q.size(-3), kv_heads = k.size(-3);
  if (kv_heads == 0 ? heads != 0 : heads % kv_heads != 0) {
    refuse(fmt::format("expected heads of q divisible by those of k and v, got {} and {}.", heads,
                       kv_heads));
  }
  for (const Tensor* t : {&k, &v}) {
    if (t->scalar_type() == q.scalar_type() && t->device() == q.device()) continue;
    refuse(fmt::format("expected q, k and v of one dtype and device, got {} on {} and {} on {}.",
                       dtype_text(q.scalar_type()), q.device().str(), dtype_text(t->scalar_type()),
                       t->device().str()));
  }
  if (!q.is_floating_point())
    refuse("expected q, k and v of a floating dtype, got " + dtype_text(q.scalar_type()) + ".");
}

void check_broadcasts(const char* what, const Tensor& t, const Shape& scores) {
  const auto sizes = t.sizes();
  bool fits = sizes.size() <= scores.size();
  for (size_t i = 1; fits && i <= sizes.size(); ++i) {
    const int64_t size = sizes[sizes.size() - i];
    fits = size == 1 || size == scores[scores.size() - i];
  }
  if (fits) return;
  refuse(fmt::format(
      "expected a {} whose shape broadcasts to ({}heads, queries, keys) = {}, got "
      "{}.",
      what, scores.size() == 4 ? "batch, " : "", shape_text(scores), shape_text(sizes)));
}

void check(const AttentionOptions& options, const Tensor& q, const Shape& scores) {
  if (options.past < 0 || (options.past > 0 && !options.is_causal)) {
    throw ArgumentError(kName, fmt::format("expected .past of at least 0, and 0 without "
                                           ".is_causal, got {}.",
                                           options.past));
  }
  if (const Tensor& mask = options.mask; mask.defined()) {
    if (mask.scalar_type() != kBool) {
      refuse("expected a mask of booleans, true where a query may attend, got " +
             dtype_text(mask.scalar_type()) + ". What is added to the products is .bias.");
    }
    check_broadcasts("mask", mask, scores);
  }
  if (const Tensor& bias = options.bias; bias.defined()) {
    if (bias.scalar_type() != q.scalar_type()) {
      refuse(fmt::format("expected a bias of q's dtype {}, got {}.", dtype_text(q.scalar_type()),
                         dtype_text(bias.scalar_type())));
    }
    check_broadcasts("bias", bias, scores);
  }
  for (const Tensor* t : {&options.mask, &options.bias}) {
    if (!t->defined() || t->device() == q.device() || q.is_meta()) continue;
    refuse(fmt::format("expected mask and bias on q's device {}, got {}.", q.device().str(),
                       t->device().str()));
  }
}

// a (batch, heads, n, m) times b (batch, kv_heads, m, p): those of a group are rows of one matrix, so that
// b is not repeated.
Tensor product_by_group(const Tensor& a, const Tensor& b) {
  const int64_t heads = a.size(1), kv_heads = b.size(1);
  if (kv_heads == heads) return at::matmul(a, b);
  const int64_t group = heads / kv_heads;
  const Tensor rows = a.unflatten(1, {kv_heads, group}).flatten(2, 3);
  return at::matmul(rows, b).unflatten(2, {group, a.size(2)}).flatten(1, 2);
}

// Mask, bias and causality as one summand, if causality alone is not all there is. is_causal: it forbids
// something.
Tensor summand(const AttentionOptions& options, bool is_causal, const Tensor& q, int64_t keys) {
  const bool shifted = is_causal && options.past > 0;
  if (!options.mask.defined() && !options.bias.defined() && !shifted) return {};
  const int64_t queries = q.size(-2);
  Tensor mask = options.mask;
  if (is_causal) {
    const Tensor causal =
        make_causal_mask(queries, keys, {.past = options.past, .device = q.device()});
    mask = mask.defined() ? mask.logical_and(causal) : causal;
  }
  Tensor added = options.bias.defined() ? options.bias : at::zeros({1, 1}, q.options());
  if (mask.defined()) added = added.masked_fill(mask.logical_not(), kForbidden);
  while (added.dim() < 4) added = added.unsqueeze(0);
  return added.expand({-1, -1, queries, keys}).contiguous();  // the kernel reads rows
}

}  // namespace

Tensor plain_scores(const AttentionCall& call) {
  Tensor products = product_by_group(call.q.mul(call.scale), call.k.transpose(-2, -1));
  if (call.is_causal) {
    const Tensor mask =
        make_causal_mask(call.q.size(-2), call.k.size(-2), {.device = call.q.device()});
    return at::softmax(products.masked_fill(mask.logical_not(), kForbidden), -1);
  }
  if (!call.added.defined()) return at::softmax(products, -1);
  products = products.add(call.added);
  const Tensor without_key = products.detach().eq(kForbidden).all(-1, /*keepdim=*/true);
  return at::softmax(products.masked_fill(without_key, 0), -1).masked_fill(without_key, 0);
}

AttentionOutput scaled_dot_product_attention(const Tensor& given_q, const Tensor& given_k,
                                             const Tensor& given_v, const AttentionOptions& given) {
  // Autocast knows torch's operator of this name, and not what stands for it here.
  const Tensor q = detail::as_in_products(given_q), k = detail::as_in_products(given_k),
               v = detail::as_in_products(given_v);
  AttentionOptions options = given;
  options.bias = detail::as_in_products(given.bias);
  check(q, k, v);
  Shape y_shape(q.sizes()), scores_shape(q.sizes());
  y_shape.back() = v.size(-1), scores_shape.back() = k.size(-2);
  check(options, q, scores_shape);
  if (q.is_meta()) {
    return {q.new_empty(y_shape), options.return_scores ? q.new_empty(scores_shape) : Tensor()};
  }
  const bool batched = q.dim() == 4;
  auto with_batch = [&](const Tensor& t) { return batched ? t : t.unsqueeze(0); };
  auto as_given = [&](const Tensor& t) { return batched ? t : t.squeeze(0); };
  const bool is_causal = options.is_causal && options.past + 1 < k.size(-2);  // else all may attend
  AttentionCall call{.q = with_batch(q),
                     .k = with_batch(k),
                     .v = with_batch(v),
                     .added = summand(options, is_causal, q, k.size(-2))};
  call.is_causal = is_causal && !call.added.defined();
  call.scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(q.size(-1))));

  const char* reason = options.return_scores ? "scores are returned"
                       : options.fdrop       ? "scores are changed by .fdrop"
                                             : why_not_fused(call);
  if (remember(FusedOp::attention, reason ? Backend::reference : Backend::fused, reason) ==
      Backend::fused) {
    return {as_given(fused_attention(call)), Tensor()};
  }
  Tensor scores = plain_scores(call);
  if (options.fdrop) scores = options.fdrop(scores);
  return {as_given(product_by_group(scores, call.v)),
          options.return_scores ? as_given(scores) : Tensor()};
}

Tensor make_causal_mask(int64_t queries, int64_t keys, const CausalMaskOptions& options) {
  if (queries < 0 || keys < 0 || options.past < 0) {
    throw ArgumentError("make_causal_mask",
                        fmt::format("expected queries, keys and .past of at least 0, got {}, {} "
                                    "and {}.",
                                    queries, keys, options.past));
  }
  const auto integers = at::TensorOptions().dtype(kInt64).device(options.device.value_or(at::kCPU));
  return at::arange(keys, integers)
      .unsqueeze(0)
      .le(at::arange(queries, integers).unsqueeze(1).add(options.past));
}

}  // namespace luxtorch::ops
