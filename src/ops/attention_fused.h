// Attention in torch's fused kernel for the CPU.
//
// Level 1.5.
#pragma once

#include <optional>

#include "luxtorch/core/types.h"

namespace luxtorch::ops {

/// What attention computes, once the options are resolved: q, k and v have a batch dimension.
struct AttentionCall {
  Tensor q, k, v;
  Tensor added;  // (1 or batch, 1 or heads, queries, keys), -inf where forbidden; or undefined
  bool is_causal = false;  // key <= query; where added is undefined
  double scale = 1;
};

/// The scores in torch's operators: (batch, heads, queries, keys), zeros for a query without any key.
Tensor plain_scores(const AttentionCall& call);

/// Why the fused kernel may not compute it; nullptr: it may.
const char* why_not_fused(const AttentionCall& call);

/// y of the fused kernel; k and v may have fewer heads than q. Where its gradients are part of a graph, or
/// of a transform, they are those of plain_scores.
Tensor fused_attention(const AttentionCall& call);

}  // namespace luxtorch::ops
