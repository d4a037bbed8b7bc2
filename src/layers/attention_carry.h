// The carry of MultiHeadAttention's steps, and what a decoder holds of its memory, as trees and taken apart.
//
// Level of layers/.
#pragma once

#include <array>
#include <vector>

#include "layers/kv_cache.h"
#include "luxtorch/layers/attention.h"

namespace luxtorch {

/// `what`, as "the mask", is undefined, or booleans of q's device, (batch, tokens) beside a q with batch and
/// (tokens) otherwise.
void check_token_mask(const MultiHeadAttention& layer, const char* what, const Tensor& mask,
                      const Tensor& q, int64_t tokens, bool batched);

/// A step's carry, with batch: keys and values of shapes like those of the new tokens, (batch, kv_heads, any,
/// size). Empty of Tree().
KVCache cache_of(const MultiHeadAttention& layer, const Tree& carry, const Tensor& k,
                 const Tensor& v, bool batched);

/// A memory's keys and values that an earlier call computed, with batch. The shapes are those without it,
/// (kv_heads, keys, size).
KVCache memory_of(const MultiHeadAttention& layer, const Tree& held, const Tensor& q,
                  const std::array<std::vector<int64_t>, 2>& shapes, bool batched);

/// (k, v), then the mask if there is one; with room two numbers last.
Tree carry_of(const KVCache& cache, int64_t room, bool batched);

}  // namespace luxtorch
