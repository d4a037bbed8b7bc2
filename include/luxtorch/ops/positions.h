// Positions as functions of tensors: rotary embeddings, and biases by distance.
//
//     auto rotary = ops::compute_rotary_embedding_params(32, 128);     // heads of 32, 128 positions
//     Tensor y = ops::apply_rotary_embedding(x, rotary.cos_cache, rotary.sin_cache);
//     Tensor bias = ops::alibi_bias(8, 128, 128);                      // for AttentionOptions::bias
//
// Differentiable, any number of times, in reverse and in forward mode, and under vmap. Of meta tensors
// they give the shape and dtype, without arithmetic.
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"

namespace luxtorch::ops {

/// The options of compute_rotary_embedding_params.
struct RotaryParamsOptions {
  double base = 10000;     ///< Angles per position are base^(-2i/dim). Above 0.
  Dtype dtype = kFloat32;  ///< Of the caches; the arithmetic is in float64.
  bool low_memory_variant =
      true;  ///< False: (length, dim), each number twice, as some files have it.
};

/// Cosines and sines of angles, a row for each position.
struct RotaryParams {
  Tensor cos_cache;  ///< (length, dim / 2), or (length, dim)
  Tensor sin_cache;  ///< the same
};

/// The cosines and sines of position * base^(-2i/dim), i = 0 to dim/2 - 1, of positions 0 to length - 1
/// (Su et al. 2021, "RoFormer"): LuxLib's function. ArgumentError: dim is odd or below 2, length below
/// 1, or base not above 0.
[[nodiscard]] LUXTORCH_API RotaryParams compute_rotary_embedding_params(
    int64_t dim, int64_t length, const RotaryParamsOptions& options = {});

/// The options of apply_rotary_embedding.
struct RotaryOptions {
  int64_t seq_dim = 1;       ///< x's dimension of time; a negative one counts from the end.
  bool interleaved = false;  ///< Rotates features (2i, 2i+1) instead of (i, i + dim/2).
};

/// Rotates each pair of x's features by the angle of its position: y_i = x_i cos - x_(i+dim/2) sin,
/// y_(i+dim/2) = x_(i+dim/2) cos + x_i sin. LuxLib's function.
///
/// x: floating, (batch, time, heads, dim) by default, dim last; y: the same, of x's dtype. The caches:
/// those of compute_rotary_embedding_params in either variant, of at least as many rows as x has time
/// steps; the arithmetic is in the wider of their dtype and x's. ShapeError: caches of another shape, or
/// of too few rows.
[[nodiscard]] LUXTORCH_API Tensor apply_rotary_embedding(const Tensor& x, const Tensor& cos_cache,
                                                         const Tensor& sin_cache,
                                                         const RotaryOptions& options = {});
/// The same at positions (time), or (batch, time) with the batch as x's first dimension: integers from 0
/// to the caches' rows - 1, which is not checked here.
[[nodiscard]] LUXTORCH_API Tensor apply_rotary_embedding(const Tensor& x, const Tensor& positions,
                                                         const Tensor& cos_cache,
                                                         const Tensor& sin_cache,
                                                         const RotaryOptions& options = {});

/// The options of alibi_bias.
struct AlibiOptions {
  int64_t past = 0;          ///< How many keys are before the first query's own.
  Dtype dtype = kFloat32;    ///< Of the bias; floating.
  Device device = at::kCPU;  ///< Where the bias is.
};

/// -2^(-8h/heads) |query + past - key| for h = 1 to heads, shape (heads, queries, keys): attention with
/// linear biases (Press et al. 2022, for a number of heads that is a power of 2; this formula for every
/// other one too). The arithmetic is in float64. ArgumentError: heads is below 1, another number negative,
/// or the dtype not floating.
[[nodiscard]] LUXTORCH_API Tensor alibi_bias(int64_t heads, int64_t queries, int64_t keys,
                                             const AlibiOptions& options = {});

}  // namespace luxtorch::ops
