// A run of dense layers as one operator and one autograd node.
//
// Level 1.5.
#pragma once

#include <optional>
#include <span>

#include "luxtorch/core/types.h"
#include "luxtorch/ops/activation.h"

namespace luxtorch::ops {

/// One layer of a run: activation(x weight' + bias).
struct DenseCall {
  Tensor weight;  ///< (out, in)
  Tensor bias;    ///< (out), or undefined
  Activation activation;
};

/// y of the layers one after the other by kernels that keep rows in the cache, with one node of the graph where one
/// is recorded. x: (..., in). nullopt where the kernels do not apply or others are faster, also for shapes that do
/// not fit: the caller runs the layers one by one. FusedOp::dense says which it was.
std::optional<Tensor> dense_run(const Tensor& x, std::span<const DenseCall> layers);

/// y of one layer, by whichever is faster. Any activation.
Tensor dense(const Tensor& x, const DenseCall& layer);

/// Layer by layer in torch's operators.
Tensor dense_reference(const Tensor& x, std::span<const DenseCall> layers);

}  // namespace luxtorch::ops
