// Losses: how far an output y_hat is from a target y.
//
//     Tensor loss = BinaryCrossEntropyLoss{.logits = true}(y_hat, y);
//     auto [grads, value, stats] =
//         single_train_step_(CrossEntropyLoss{.label_smoothing = 0.1}, tuple({x, y}), ts);
//
// A loss is an aggregate of its options. loss(y_hat, y) gives a tensor, and loss(model, ps, st,
// (x, y)) is an objective (objective.h), which compares the model's output for x with y.
//
// loss(y_hat, y, mask), and the objective of a batch (x, y, mask), leave out what is false in the
// mask: it counts neither in a sum nor in the number that a mean divides by. Agg::none gives 0 there,
// and a function gets a vector of the losses that are left. What y_hat and y hold there does not
// matter: it may be NaN, or a label outside the classes. The mask is boolean and has y_hat's shape
// without the classes; an undefined mask leaves out nothing. If it is false everywhere, the mean and
// its gradient are 0. ShapeError: another dtype, shape or device.
//
// For all losses: y_hat has a floating dtype, and y has exactly the same shape; nothing is
// broadcast, and other shapes are a ShapeError. y has y_hat's dtype, or is of integers or booleans,
// which are converted; another floating dtype is a ShapeError, and so are two devices and a mean of
// no elements. The target gets no gradient. The formulas and defaults are Lux's.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "luxtorch/autodiff/objective.h"
#include "luxtorch/core/api.h"

namespace luxtorch {

/// How the losses of elements or samples become one tensor: their mean, their sum, unchanged, or
/// any function of them.
class LUXTORCH_API Agg {
 public:
  /// The aggregations that have a name.
  enum Kind {
    mean,  ///< Their mean, 0-dim.
    sum,   ///< Their sum, 0-dim.
    none   ///< As they are.
  };
  /// An aggregation by name.
  Agg(Kind kind) : kind_(kind) {}
  /// Any function of the tensor of losses.
  template <class F>
    requires(!std::same_as<F, Agg> && std::is_invocable_r_v<Tensor, const F&, const Tensor&>)
  Agg(F f) : function_(std::move(f)) {}

  /// The aggregated losses.
  Tensor operator()(const Tensor& losses) const;
  /// Which kind it is; nothing where it is a function.
  std::optional<Kind> kind() const { return kind_; }

 private:
  std::optional<Kind> kind_;
  std::function<Tensor(const Tensor&)> function_;
};

// The calls of every loss.
#define LUXTORCH_LOSS_CALLS                                                          \
  Tensor operator()(const Tensor& y_hat, const Tensor& y) const;                     \
  Tensor operator()(const Tensor& y_hat, const Tensor& y, const Tensor& mask) const; \
  LossOut operator()(const Layer& model, const Tree& ps, const Tree& st, const Tree& batch) const;

/// agg(-xlogy(t, y_hat + epsilon) - xlogy(1 - t, 1 - y_hat + epsilon)) with t = (1 -
/// label_smoothing) y + label_smoothing / 2 and xlogy(0, .) = 0. With logits, y_hat is the input of
/// a sigmoid: agg((1 - t) y_hat - log sigmoid(y_hat)). ArgumentError: a label_smoothing outside [0,
/// 1]. ShapeError: a pos_weight of another dtype or device, or of a shape that does not broadcast to
/// y_hat's.
struct LUXTORCH_API BinaryCrossEntropyLoss {
  Agg agg = Agg::mean;                 ///< How the losses become one tensor.
  std::optional<double> epsilon = {};  ///< Not set: the dtype's machine epsilon (float32: 1.2e-7).
  double label_smoothing = 0;          ///< In [0, 1].
  bool logits = false;                 ///< y_hat are logits, not probabilities.
  /// Factors of the terms with t, of a shape that broadcasts to y_hat's: above 1, ones that are
  /// missed count more. The mean divides by the number of elements, as in PyTorch.
  Tensor pos_weight = {};
  LUXTORCH_LOSS_CALLS
};

/// agg(-sum(xlogy(t, y_hat + epsilon), dim)) with t = (1 - label_smoothing) y + label_smoothing /
/// classes; with logits agg(-sum(t log_softmax(y_hat, dim), dim)). agg gets the losses of the
/// samples: y_hat's shape without dim.
///
/// y: probabilities or one-hot vectors, of y_hat's shape; or labels from 0, integers of y_hat's
/// shape without dim. ArgumentError: a label outside [0, classes) that is not ignore_index, a
/// label_smoothing outside [0, 1], no dimension dim, an ignore_index for a y that is not labels.
/// ShapeError: class_weights of another dtype, device or shape.
struct LUXTORCH_API CrossEntropyLoss {
  int64_t dim = -1;     ///< The dimension of the classes; negative ones count from the end.
  Agg agg = Agg::mean;  ///< How the losses become one tensor.
  std::optional<double> epsilon = {};  ///< Not set: the dtype's machine epsilon (float32: 1.2e-7).
  double label_smoothing = 0;          ///< In [0, 1].
  bool logits = false;                 ///< y_hat are logits, not probabilities.
  /// A label that leaves its sample out, as false in a mask does. With it everywhere, the mean and
  /// its gradient are 0 (PyTorch: NaN). Not set: every label is a class.
  std::optional<int64_t> ignore_index = {};
  /// (classes), of y_hat's dtype: factors of the terms of the classes. With labels, the mean divides
  /// by the sum of the weights of the labels; with probabilities, by the number of samples. Both are
  /// PyTorch's. If the weights of all labels are 0, so is the mean.
  Tensor class_weights = {};
  LUXTORCH_LOSS_CALLS
};

/// agg(-(1 - p)^gamma log p) with p = y_hat + epsilon where y is 1, 1 - y_hat - epsilon where y is
/// 0, and a mixture of them in between (Lin et al. 2017). p is kept at least epsilon and 1 - p at
/// least 0, where Lux's formula gives NaN.
struct LUXTORCH_API BinaryFocalLoss {
  double gamma = 2;                    ///< Above 0, well classified samples count less.
  Agg agg = Agg::mean;                 ///< How the losses become one tensor.
  std::optional<double> epsilon = {};  ///< Not set: the dtype's machine epsilon (float32: 1.2e-7).
  LUXTORCH_LOSS_CALLS
};

/// agg(sum(-y (1 - p)^gamma log p, dim)) with p = y_hat + epsilon, and 1 - p kept at least 0 (Lin
/// et al. 2017). y: probabilities or one-hot vectors. ArgumentError: no dimension dim.
struct LUXTORCH_API FocalLoss {
  double gamma = 2;     ///< Above 0, well classified samples count less.
  int64_t dim = -1;     ///< The dimension of the classes; negative ones count from the end.
  Agg agg = Agg::mean;  ///< How the losses become one tensor.
  std::optional<double> epsilon = {};  ///< Not set: the dtype's machine epsilon (float32: 1.2e-7).
  LUXTORCH_LOSS_CALLS
};

/// agg(sum(xlogy(y, y), dim)) + CrossEntropyLoss{dim, agg, epsilon, label_smoothing}(y_hat, y): the
/// divergence of y from y_hat. As in Lux, label_smoothing applies to the second term only.
struct LUXTORCH_API KLDivergenceLoss {
  int64_t dim = -1;     ///< The dimension of the classes; negative ones count from the end.
  Agg agg = Agg::mean;  ///< How the losses become one tensor.
  std::optional<double> epsilon = {};  ///< Not set: the dtype's machine epsilon (float32: 1.2e-7).
  double label_smoothing = 0;          ///< In [0, 1].
  LUXTORCH_LOSS_CALLS
};

/// agg((y_hat - y)^2): the mean squared error.
struct LUXTORCH_API MSELoss {
  Agg agg = Agg::mean;  ///< How the losses become one tensor.
  LUXTORCH_LOSS_CALLS
};
/// Another name of MSELoss, as in Lux.
using L2Loss = MSELoss;

/// agg(|y_hat - y|): the mean absolute error. The gradient where they are equal is 0.
struct LUXTORCH_API MAELoss {
  Agg agg = Agg::mean;  ///< How the losses become one tensor.
  LUXTORCH_LOSS_CALLS
};
/// Another name of MAELoss, as in Lux.
using L1Loss = MAELoss;

/// agg of d^2 / 2 where d <= delta, and of delta (d - delta / 2) elsewhere, with d = |y_hat - y|.
/// ArgumentError: a delta that is not above 0.
struct LUXTORCH_API HuberLoss {
  double delta = 1;     ///< Where the loss goes from quadratic to linear.
  Agg agg = Agg::mean;  ///< How the losses become one tensor.
  LUXTORCH_LOSS_CALLS
};

/// agg(log((y_hat + epsilon) / (y + epsilon))^2): the mean squared logarithmic error.
struct LUXTORCH_API MSLELoss {
  Agg agg = Agg::mean;                 ///< How the losses become one tensor.
  std::optional<double> epsilon = {};  ///< Not set: the dtype's machine epsilon (float32: 1.2e-7).
  LUXTORCH_LOSS_CALLS
};

/// agg(y_hat - xlogy(y, y_hat + epsilon)): the negative log-likelihood of a Poisson distribution
/// with the mean y_hat, up to a term of y alone.
struct LUXTORCH_API PoissonLoss {
  Agg agg = Agg::mean;                 ///< How the losses become one tensor.
  std::optional<double> epsilon = {};  ///< Not set: the dtype's machine epsilon (float32: 1.2e-7).
  LUXTORCH_LOSS_CALLS
};

/// agg(max(0, 1 - y_hat y)), where y is -1 or 1.
struct LUXTORCH_API HingeLoss {
  Agg agg = Agg::mean;  ///< How the losses become one tensor.
  LUXTORCH_LOSS_CALLS
};

/// agg(max(0, 1 - y_hat y)^2), where y is -1 or 1.
struct LUXTORCH_API SquaredHingeLoss {
  Agg agg = Agg::mean;  ///< How the losses become one tensor.
  LUXTORCH_LOSS_CALLS
};

/// agg(1 - (2 sum(y y_hat) + smooth) / (sum(y_hat^2) + sum(y^2) + smooth)) with sums over all
/// dimensions but the first, the samples; a tensor of one dimension is one sample. A mask has y_hat's
/// shape, and what is false leaves the sums; a sample without any element has the loss 0.
struct LUXTORCH_API DiceCoeffLoss {
  double smooth = 1;    ///< Added to numerator and denominator; avoids 0 / 0.
  Agg agg = Agg::mean;  ///< How the losses become one tensor.
  LUXTORCH_LOSS_CALLS
};

/// agg(1 - (TP + smooth) / (TP + alpha FP + beta FN + smooth)) with the sums TP = sum(y y_hat), FP =
/// sum((1 - y) y_hat) and FN = sum(y (1 - y_hat)) over all dimensions but the first, the samples; a
/// tensor of one dimension is one sample (Salehi et al. 2017). alpha = beta = 1 makes TP over the
/// union, IoU; alpha = beta = 1/2 a Dice coefficient. A mask as in DiceCoeffLoss. ArgumentError: a
/// negative alpha or beta.
struct LUXTORCH_API TverskyLoss {
  double alpha = 0.3;   ///< How much false positives count.
  double beta = 0.7;    ///< How much false negatives count.
  double smooth = 1;    ///< Added to numerator and denominator; avoids 0 / 0.
  Agg agg = Agg::mean;  ///< How the losses become one tensor.
  LUXTORCH_LOSS_CALLS
};

/// agg((1 - y) y_hat^2 + y max(0, margin - y_hat)^2), where y_hat are distances of pairs, and y is
/// 1 for a pair of different kinds, else 0. ArgumentError: a margin below 0.
struct LUXTORCH_API SiameseContrastiveLoss {
  double margin = 1;    ///< Distance from which on pairs of different kinds count 0.
  Agg agg = Agg::mean;  ///< How the losses become one tensor.
  LUXTORCH_LOSS_CALLS
};

/// agg(loss(y_hat, y)) with any element-wise function: GenericLossFunction{[](const Tensor& a,
/// const Tensor& b) {...}}. ArgumentError: an empty function.
struct LUXTORCH_API GenericLossFunction {
  /// The losses of the elements, from y_hat and y of one shape and dtype.
  std::function<Tensor(const Tensor& y_hat, const Tensor& y)> loss;
  Agg agg = Agg::mean;  ///< How the losses become one tensor.
  LUXTORCH_LOSS_CALLS
};

#undef LUXTORCH_LOSS_CALLS

}  // namespace luxtorch
