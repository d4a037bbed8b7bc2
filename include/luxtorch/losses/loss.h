// Losses: how far an output y_hat is from a target y.
//
//     Tensor loss = BinaryCrossEntropyLoss{.logits = true}(y_hat, y);
//     auto [grads, value, stats] =
//         single_train_step_(CrossEntropyLoss{.label_smoothing = 0.1}, tuple({x, y}), ts);
//
// Level 4: apply(model) -> y_hat -> loss -> gradients. A loss is an aggregate of its options and
// has two calls: loss(y_hat, y) gives a tensor, loss(model, ps, st, (x, y)) is an objective
// (objective.h).
//
// For all of them: y_hat is of a floating dtype and y of the same shape, exactly: nothing is
// broadcast, other shapes are a ShapeError. y has y_hat's dtype, or is of integers or booleans and
// then converted; another floating dtype is a ShapeError. The target gets no gradient. `agg` makes
// one number of the elements' losses. `epsilon` is added where a logarithm of zero threatens;
// without a value it is the dtype's machine epsilon (1.2e-7 for float32). The formulas are Lux's;
// `dim` is the dimension of the classes, -1 the last.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "luxtorch/autodiff/objective.h"
#include "luxtorch/core/api.h"

namespace luxtorch {

/// From the losses of elements or samples to one tensor: their mean, their sum, as they are, or any
/// function of them.
class LUXTORCH_API Agg {
 public:
  enum Kind { mean, sum, none };
  Agg(Kind kind) : kind_(kind) {}
  template <class F>
    requires(!std::same_as<F, Agg> && std::is_invocable_r_v<Tensor, const F&, const Tensor&>)
  Agg(F f) : function_(std::move(f)) {}

  Tensor operator()(const Tensor& losses) const;
  /// Nothing where it is a function.
  std::optional<Kind> kind() const { return kind_; }

 private:
  std::optional<Kind> kind_;
  std::function<Tensor(const Tensor&)> function_;
};

#define LUXTORCH_LOSS_CALLS                                      \
  Tensor operator()(const Tensor& y_hat, const Tensor& y) const; \
  LossOut operator()(const Layer& model, const Tree& ps, const Tree& st, const Tree& batch) const;

/// agg(-xlogy(t, y_hat + epsilon) - xlogy(1 - t, 1 - y_hat + epsilon)), t = (1 - label_smoothing) y
/// + label_smoothing / 2, xlogy(0, .) = 0; with logits y_hat is before the sigmoid: agg((1 - t)
/// y_hat - log sigmoid(y_hat)).
struct BinaryCrossEntropyLoss {
  Agg agg = Agg::mean;
  std::optional<double> epsilon = {};
  double label_smoothing = 0;
  bool logits = false;
  LUXTORCH_LOSS_CALLS
};

/// agg(-sum(xlogy(t, y_hat + epsilon), dim)), t = (1 - label_smoothing) y + label_smoothing /
/// classes; with logits agg(-sum(t log_softmax(y_hat, dim), dim)). agg sees the losses of samples:
/// y_hat's shape without dim.
///
/// y: probabilities or one-hot, y_hat's shape; or labels from 0, integers of y_hat's shape without
/// dim. A label outside [0, classes) is an ArgumentError.
struct CrossEntropyLoss {
  int64_t dim = -1;
  Agg agg = Agg::mean;
  std::optional<double> epsilon = {};
  double label_smoothing = 0;
  bool logits = false;
  LUXTORCH_LOSS_CALLS
};

/// Gamma > 0 makes easy samples count less. With p = y_hat + epsilon where y is 1 and 1 - y_hat -
/// epsilon where it is 0 (a mixture between): agg(-(1 - p)^gamma log p) (Lin et al. 2017). p is
/// kept at least epsilon and 1 - p at least 0, where Lux's formula gives NaN.
struct BinaryFocalLoss {
  double gamma = 2;
  Agg agg = Agg::mean;
  std::optional<double> epsilon = {};
  LUXTORCH_LOSS_CALLS
};

/// agg(sum(-y (1 - p)^gamma log p, dim)), p = y_hat + epsilon, 1 - p kept at least 0. y as
/// probabilities or one-hot.
struct FocalLoss {
  double gamma = 2;
  int64_t dim = -1;
  Agg agg = Agg::mean;
  std::optional<double> epsilon = {};
  LUXTORCH_LOSS_CALLS
};

/// agg(sum(xlogy(y, y), dim)) + CrossEntropyLoss{dim, agg, epsilon, label_smoothing}(y_hat, y): the
/// divergence of y from y_hat. As in Lux the smoothing enters the second term alone.
struct KLDivergenceLoss {
  int64_t dim = -1;
  Agg agg = Agg::mean;
  std::optional<double> epsilon = {};
  double label_smoothing = 0;
  LUXTORCH_LOSS_CALLS
};

/// agg((y_hat - y)^2).
struct MSELoss {
  Agg agg = Agg::mean;
  LUXTORCH_LOSS_CALLS
};
using L2Loss = MSELoss;

/// agg(|y_hat - y|). The gradient where they are equal is 0.
struct MAELoss {
  Agg agg = Agg::mean;
  LUXTORCH_LOSS_CALLS
};
using L1Loss = MAELoss;

/// With d = |y_hat - y|: agg(d^2 / 2) where d <= delta, agg(delta (d - delta / 2)) elsewhere. delta
/// > 0.
struct HuberLoss {
  double delta = 1;
  Agg agg = Agg::mean;
  LUXTORCH_LOSS_CALLS
};

/// agg(log((y_hat + epsilon) / (y + epsilon))^2).
struct MSLELoss {
  Agg agg = Agg::mean;
  std::optional<double> epsilon = {};
  LUXTORCH_LOSS_CALLS
};

/// agg(y_hat - xlogy(y, y_hat + epsilon)).
struct PoissonLoss {
  Agg agg = Agg::mean;
  std::optional<double> epsilon = {};
  LUXTORCH_LOSS_CALLS
};

/// agg(max(0, 1 - y_hat y)), y -1 or 1.
struct HingeLoss {
  Agg agg = Agg::mean;
  LUXTORCH_LOSS_CALLS
};

/// agg(max(0, 1 - y_hat y)^2), y -1 or 1.
struct SquaredHingeLoss {
  Agg agg = Agg::mean;
  LUXTORCH_LOSS_CALLS
};

/// agg(1 - (2 sum(y y_hat) + smooth) / (sum(y_hat^2) + sum(y^2) + smooth)) with sums over all
/// dimensions but the first, the samples; a tensor of one dimension is one sample.
struct DiceCoeffLoss {
  double smooth = 1;
  Agg agg = Agg::mean;
  LUXTORCH_LOSS_CALLS
};

/// agg((1 - y) y_hat^2 + y max(0, margin - y_hat)^2): y_hat are distances of pairs, y is 1 where a
/// pair is of two kinds. margin >= 0.
struct SiameseContrastiveLoss {
  double margin = 1;
  Agg agg = Agg::mean;
  LUXTORCH_LOSS_CALLS
};

/// agg(loss(y_hat, y)) of any element-wise function: GenericLossFunction{[](const Tensor& a, const
/// Tensor& b) {...}}.
struct GenericLossFunction {
  std::function<Tensor(const Tensor& y_hat, const Tensor& y)> loss;
  Agg agg = Agg::mean;
  LUXTORCH_LOSS_CALLS
};

#undef LUXTORCH_LOSS_CALLS

}  // namespace luxtorch
