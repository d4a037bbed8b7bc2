// Metrics of scores and numbers, as the folds of metrics/classes.h.
//
//     metrics::R2 r2;
//     Tree fit = r2.update(r2.init(), y_hat, y);
//     double explained = r2.value(fit).item<double>();
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/tree.h"

namespace luxtorch::metrics {

/// The area under the receiver operating characteristic: the probability that a sample of class 1 has
/// a larger score than one of class 0, equal scores counting one half. It is computed exactly, from
/// the ranks of all scores, which the state therefore keeps.
struct LUXTORCH_API AUROC {
  /// No data: {scores, positive}, tuples of vectors, float64 and bool, that belong one behind another.
  Tree init() const;
  /// The state after a batch. y_hat: floating scores of any kind, y: 0 and 1 or booleans, both of one
  /// shape; mask as in Accuracy. ShapeError: other shapes or dtypes. ArgumentError: another label, or
  /// a score that is NaN.
  Tree update(const Tree& state, const Tensor& y_hat, const Tensor& y,
              const Tensor& mask = {}) const;
  /// The state of both: the scores of b behind those of a.
  Tree merge(const Tree& a, const Tree& b) const;
  /// The area, 0-dim float64; NaN unless both classes are there.
  Tensor value(const Tree& state) const;
};

/// The coefficient of determination, 1 - sum((y - y_hat)^2) / sum((y - mean(y))^2), of all elements.
struct LUXTORCH_API R2 {
  /// No data: {count, mean, squares, residuals}, float64, where squares is sum((y - mean)^2).
  Tree init() const;
  /// The state after a batch. y_hat, y: of one shape, y_hat floating; mask as in Accuracy. ShapeError:
  /// others.
  Tree update(const Tree& state, const Tensor& y_hat, const Tensor& y,
              const Tensor& mask = {}) const;
  /// The state of both, which is not the sum: the means differ (Chan et al. 1979).
  Tree merge(const Tree& a, const Tree& b) const;
  /// The coefficient, 0-dim float64; NaN without data, -infinity or NaN where y is constant.
  Tensor value(const Tree& state) const;
};

/// exp of the mean of -log p(label), as for language models.
struct LUXTORCH_API Perplexity {
  int64_t dim = -1;  ///< The dimension of the classes in y_hat.
  /// No data: {loss, count}, float64 and int64.
  Tree init() const;
  /// The state after a batch. y_hat: logits or log-probabilities (..., classes), y: labels (...), mask
  /// as in Accuracy. ShapeError: other shapes or dtypes. ArgumentError: a label outside the classes.
  Tree update(const Tree& state, const Tensor& y_hat, const Tensor& y,
              const Tensor& mask = {}) const;
  /// The state of both.
  Tree merge(const Tree& a, const Tree& b) const;
  /// The perplexity, 0-dim float64; NaN without data.
  Tensor value(const Tree& state) const;
};

}  // namespace luxtorch::metrics
