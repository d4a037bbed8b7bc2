// The losses of every training step as one autograd node with the gradient made on the way forward.
//
// Level 4. A loss of 128 probabilities in plain ops is nine ops and as many for its gradient: more than the arithmetic.
#pragma once

#include <optional>

#include "luxtorch/core/types.h"

namespace luxtorch::detail {

struct FusedLoss {
  enum Kind { binary_cross_entropy, cross_entropy_of_logits };
  Kind kind;
  double epsilon;    // of binary_cross_entropy
  double smoothing;  // of the labels
  bool mean;         // over elements or rows, else their sum
};

/// The loss, 0-dim, where fused kernels may read the tensors (ops/fast_path.h) and these are contiguous; otherwise
/// nothing: use plain ops.
///
/// y: of y_hat's dtype and shape; or, for cross_entropy_of_logits with its classes in the last dimension, int64 labels
/// within the classes. Differentiable by y_hat as often as plain ops.
std::optional<Tensor> fused_loss(const FusedLoss& loss, const Tensor& y_hat, const Tensor& y);

}  // namespace luxtorch::detail
