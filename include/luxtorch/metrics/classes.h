// Metrics of classes as pure folds: the state is a tree, and each batch gives the next one.
//
//     metrics::Accuracy accuracy;
//     Tree state = accuracy.init();
//     state = accuracy.update(state, y_hat, y);                  // for each batch
//     double value = accuracy.value(state).item<double>();
//
// All metrics have the same functions. init() is the state of no data; update(state, y_hat, y, mask)
// the one after a batch; merge(a, b) the one of the data of both, for parts or processes; value(state)
// the metric, float64, NaN for no data (of ConfusionMatrix zeros). States have tensors alone, so io::save
// keeps them.
//
// y: labels (...), integers from 0 or booleans, or floating numbers that are whole. y_hat: scores
// (..., classes), whose largest is the prediction; or predicted labels (...) of integers; or probabilities (...) of the class 1, of two.
// mask: boolean (...); what is false does not count, whatever it holds. An undefined mask leaves out
// nothing. For padded sequences, take metrics::length_mask(lengths, time). NaN predicts nothing.
//
// ShapeError: other shapes, a mask that is not boolean. ArgumentError: a label outside the classes.
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/tree.h"

namespace luxtorch::metrics {

/// The mask of padded sequences: true at (i, t) where t < lengths[i]. lengths: integers (batch), 0 to
/// time. Returns (batch, time) bool on their device. ShapeError: lengths of another kind. ArgumentError:
/// a length outside that range.
LUXTORCH_API Tensor length_mask(const Tensor& lengths, int64_t time);

/// How the states of two parts of the data become that of both, where their sum is right.
LUXTORCH_API Tree sum_of_states(const Tree& a, const Tree& b);

/// The fraction of predictions that are right.
struct LUXTORCH_API Accuracy {
  int64_t dim = -1;        ///< The dimension of the classes in y_hat.
  double threshold = 0.5;  ///< A probability above it is a prediction of class 1.
  /// No data: {correct, count}, int64.
  Tree init() const;
  /// The state after a batch.
  Tree update(const Tree& state, const Tensor& y_hat, const Tensor& y,
              const Tensor& mask = {}) const;
  /// The state of both.
  Tree merge(const Tree& a, const Tree& b) const { return sum_of_states(a, b); }
  /// correct / count, 0-dim.
  Tensor value(const Tree& state) const;
};

/// The fraction of samples whose label is among the k largest scores. Scores that are equal to the
/// label's do not count against it. ArgumentError: k below 1.
struct LUXTORCH_API TopKAccuracy {
  int64_t k = 5;     ///< How many of the scores.
  int64_t dim = -1;  ///< The dimension of the classes in y_hat.
  /// No data: {correct, count}, int64.
  Tree init() const;
  /// The state after a batch of scores.
  Tree update(const Tree& state, const Tensor& y_hat, const Tensor& y,
              const Tensor& mask = {}) const;
  /// The state of both.
  Tree merge(const Tree& a, const Tree& b) const { return sum_of_states(a, b); }
  /// correct / count, 0-dim.
  Tensor value(const Tree& state) const;
};

/// How often the class of the row is taken for the class of the column.
struct LUXTORCH_API ConfusionMatrix {
  int64_t classes;         ///< Their number, at least 1.
  int64_t dim = -1;        ///< The dimension of the classes in y_hat.
  double threshold = 0.5;  ///< A probability above it is a prediction of class 1.
  /// No data: {counts}, int64 (classes, classes).
  Tree init() const;
  /// The state after a batch.
  Tree update(const Tree& state, const Tensor& y_hat, const Tensor& y,
              const Tensor& mask = {}) const;
  /// The state of both.
  Tree merge(const Tree& a, const Tree& b) const { return sum_of_states(a, b); }
  /// The counts, float64 (classes, classes).
  Tensor value(const Tree& state) const;
};

/// How the numbers of the classes become one.
enum class Average {
  Macro,     ///< Their mean.
  Micro,     ///< From the counts of all classes together.
  Weighted,  ///< Their mean, weighted by how often each class is the label.
  Binary,    ///< That of class 1.
  None       ///< All of them, (classes).
};

}  // namespace luxtorch::metrics

namespace luxtorch::detail {
enum class ClassScore { Precision, Recall, F1 };
LUXTORCH_API Tensor class_score(ClassScore score, const Tree& state, int64_t classes,
                                metrics::Average average);
}  // namespace luxtorch::detail

namespace luxtorch::metrics {

/// What Precision, Recall and F1 have in common: the states are those of confusion().
template <detail::ClassScore score>
struct ClassMetric {
  int64_t classes;                   ///< Their number, at least 1.
  Average average = Average::Macro;  ///< How the numbers of the classes become one.
  int64_t dim = -1;                  ///< The dimension of the classes in y_hat.
  double threshold = 0.5;            ///< A probability above it is a prediction of class 1.
  /// The metric that has the same states.
  ConfusionMatrix confusion() const {
    return {.classes = classes, .dim = dim, .threshold = threshold};
  }
  /// No data.
  Tree init() const { return confusion().init(); }
  /// The state after a batch.
  Tree update(const Tree& state, const Tensor& y_hat, const Tensor& y,
              const Tensor& mask = {}) const {
    return confusion().update(state, y_hat, y, mask);
  }
  /// The state of both.
  Tree merge(const Tree& a, const Tree& b) const { return sum_of_states(a, b); }
  /// 0-dim, or (classes) for Average::None. ArgumentError: Average::Binary with another number of
  /// classes than 2.
  Tensor value(const Tree& state) const {
    return detail::class_score(score, state, classes, average);
  }
};

/// Of the predictions of a class, the fraction that is right; 0 without predictions.
using Precision = ClassMetric<detail::ClassScore::Precision>;
/// Of the samples of a class, the fraction that is found; 0 without samples.
using Recall = ClassMetric<detail::ClassScore::Recall>;
/// 2 P R / (P + R) with a class' precision and recall; 0 where both are 0.
using F1 = ClassMetric<detail::ClassScore::F1>;

}  // namespace luxtorch::metrics
