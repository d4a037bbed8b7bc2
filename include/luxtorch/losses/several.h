// Losses of more than one output: a mean with its variance, pairs and triplets of vectors.
//
//     Tensor nll = GaussianNLLLoss{}(y_hat, y, y_hat.square());
//     Tensor pairs = CosineEmbeddingLoss{.margin = 0.2}(y_hat, y, ones({y.size(0)}));
//     Objective gaussian = [](const Layer& model, const Tree& ps, const Tree& st,
//                             const Tree& batch) -> LossOut {
//       auto [outputs, st2] = apply<Tree>(model, batch[0], ps, st);
//       auto [m, v] = outputs.tensors<2>();
//       return {GaussianNLLLoss{}(m, batch[1].tensor(), v), st2};
//     };
//
// As for the losses of loss.h, shapes agree exactly unless said otherwise, y may be of integers, and
// it gets no gradient. Formulas and defaults are PyTorch's.
#pragma once

#include "luxtorch/losses/loss.h"

namespace luxtorch {

/// agg((log v + (y - y_hat)^2 / v) / 2), with v = max(variance, epsilon): the negative
/// log-likelihood of Gaussian distributions. The gradient by the variance is the one by v, also
/// where v is epsilon.
struct LUXTORCH_API GaussianNLLLoss {
  bool full = false;      ///< Also the constant term, log(2 pi) / 2.
  double epsilon = 1e-6;  ///< The least variance that is used; above 0.
  Agg agg = Agg::mean;    ///< How the losses become one tensor.
  /// y_hat: the means; y: as they are; variance: of y_hat's dtype and a shape that broadcasts to
  /// y_hat's. ShapeError: others, and another device. ArgumentError: a negative variance, or an
  /// epsilon that is not above 0.
  Tensor operator()(const Tensor& y_hat, const Tensor& y, const Tensor& variance) const;
};

/// agg of 1 - c where y is 1, and of max(0, c - margin) where y is -1, with c = cos(x1, x2) = x1 x2 /
/// sqrt((x1 x1 + 1e-12) (x2 x2 + 1e-12)) over the last dimension. Where y is another number, it is 0.
struct LUXTORCH_API CosineEmbeddingLoss {
  double margin = 0;    ///< The cosine up to which pairs of different kinds count 0.
  Agg agg = Agg::mean;  ///< How the losses become one tensor.
  /// x1, x2: (..., features) of one shape and dtype; y: (...), 1 for pairs of one kind and -1 for
  /// others. ShapeError: other shapes or dtypes, or another device.
  Tensor operator()(const Tensor& x1, const Tensor& x2, const Tensor& y) const;
};

/// agg(max(0, d(anchor, positive) - d(anchor, negative) + margin)), with d(a, b) the p-norm of
/// a - b + epsilon over the last dimension. ArgumentError: a margin or p that is not above 0.
struct LUXTORCH_API TripletMarginLoss {
  double margin = 1;      ///< By how much the negative is to be farther away.
  double p = 2;           ///< The norm.
  double epsilon = 1e-6;  ///< Added to the differences, so that a gradient exists at 0.
  /// Where the negative is nearer to the positive than to the anchor, that distance is used (Balntas
  /// et al. 2016).
  bool swap = false;
  Agg agg = Agg::mean;  ///< How the losses become one tensor.
  /// All three (..., features), of one shape and dtype; all of them get gradients. ShapeError:
  /// other shapes or dtypes, or another device.
  Tensor operator()(const Tensor& anchor, const Tensor& positive, const Tensor& negative) const;
};

}  // namespace luxtorch
