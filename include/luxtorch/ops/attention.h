// Attention as a function of tensors.
//
//     Tensor y = ops::scaled_dot_product_attention(q, k, v, {.is_causal = true}).y;
//     auto out = ops::scaled_dot_product_attention(q, k, v, {.mask = padding, .return_scores = true});
//     Tensor mask = ops::make_causal_mask(4, 6, {.past = 2});   // as .is_causal and .past have it
//
// Differentiable, any number of times, in reverse and in forward mode, and under vmap. Dense float32
// and float64 on the CPU run in torch's fused kernel, everything else in matmul, softmax, matmul:
// ops/fast_path.h.
#pragma once

#include <functional>
#include <optional>

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"

namespace luxtorch::ops {

/// The options of scaled_dot_product_attention. All restrictions hold at once: a query attends to the
/// keys that .mask, .bias and .is_causal all leave it.
struct AttentionOptions {
  /// Booleans, true where a query may attend to a key. A shape that broadcasts to (batch, heads,
  /// queries, keys). Undefined: everywhere.
  Tensor mask = {};
  /// Added to the scaled products before softmax; -inf forbids. Of q's dtype, a shape as of .mask.
  Tensor bias = {};
  bool is_causal = false;  ///< Query i attends to keys j <= i + .past alone.
  int64_t past = 0;        ///< With .is_causal: how many keys are before the first query's own.
  /// What the products are multiplied with. Default: 1 / sqrt(d). (Lux's argument is the divisor.)
  std::optional<double> scale = {};
  /// Applied to the scores before they weigh v, as dropout is (NNlib's fdrop). Default: nothing.
  std::function<Tensor(const Tensor& scores)> fdrop = {};
  bool return_scores = false;  ///< Gives AttentionOutput::scores too.
};

/// What scaled_dot_product_attention gives.
struct AttentionOutput {
  Tensor y;       ///< (batch, heads, queries, e)
  Tensor scores;  ///< (batch, heads, queries, keys), after .fdrop; undefined unless asked for.
};

/// y = softmax(scale q k^T + bias) v over the keys that a query may attend to (Vaswani et al. 2017,
/// "Attention is all you need", equation 1). A query that may attend to none gets y = 0 and scores 0,
/// with gradients 0.
///
/// q: (batch, heads, queries, d); k: (batch, kv_heads, keys, d); v: (batch, kv_heads, keys, e); or all
/// of one sample, without batch. One floating dtype and one device. heads is a multiple of kv_heads:
/// key head j serves the query heads from j heads / kv_heads on (grouped queries). On the meta device y
/// has its shape and dtype, without arithmetic. Under torch's autocast float32 becomes its dtype, and y is
/// of that, as of torch's operator.
///
/// ShapeError: another rank, size, dtype or device; .mask of another dtype than bool, or of a shape
/// that does not broadcast, or on another device than q; likewise .bias. ArgumentError: .past is
/// negative, or above 0 without .is_causal.
LUXTORCH_API AttentionOutput scaled_dot_product_attention(const Tensor& q, const Tensor& k,
                                                          const Tensor& v,
                                                          const AttentionOptions& options = {});

/// The options of make_causal_mask.
struct CausalMaskOptions {
  int64_t past = 0;                   ///< How many keys are before the first query's own.
  std::optional<Device> device = {};  ///< Default: the CPU.
};

/// The mask of causal attention: booleans (queries, keys), true where key <= query + past. NNlib's
/// make_causal_mask. ArgumentError: queries, keys or past is negative.
[[nodiscard]] LUXTORCH_API Tensor make_causal_mask(int64_t queries, int64_t keys,
                                                   const CausalMaskOptions& options = {});

}  // namespace luxtorch::ops
