#include "luxtorch/metrics/classes.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/bincount.h>
#include <fmt/format.h>

#include <limits>

#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "metrics/batch.h"
#include "text.h"

namespace luxtorch::metrics {

using detail::ClassScore;

namespace {

Tree no_counts() {
  const TensorOptions integer{.dtype = kInt64};
  return named({{"correct", zeros({}, integer)}, {"count", zeros({}, integer)}});
}

Tree counted(const Tree& state, const Tensor& right) {
  const Tensor count = full({}, right.numel(), {.dtype = kInt64, .device = right.device()});
  return added(added(state, "correct", right.sum()), "count", count);
}

Tensor fraction(const Tree& state) {
  return state["correct"].tensor().to(kFloat64).div(state["count"].tensor());
}

void check_classes(const char* who, int64_t classes) {
  if (classes >= 1) return;
  throw ArgumentError(who, fmt::format("expected classes of at least 1, got {}.", classes));
}

// a / b, 0 where b is 0.
Tensor ratio(const Tensor& a, const Tensor& b) { return a.div(b.masked_fill(b.eq(0), 1)); }

// Of each class, from its true positives, its predictions and its labels.
Tensor of_each(ClassScore score, const Tensor& right, const Tensor& predicted,
               const Tensor& labels) {
  switch (score) {
    case ClassScore::Precision:
      return ratio(right, predicted);
    case ClassScore::Recall:
      return ratio(right, labels);
    default:
      return ratio(right.mul(2), predicted.add(labels));
  }
}

const char* name_of(ClassScore score) {
  return score == ClassScore::Precision ? "metrics::Precision"
         : score == ClassScore::Recall  ? "metrics::Recall"
                                        : "metrics::F1";
}

}  // namespace

Tensor length_mask(const Tensor& lengths, int64_t time) {
  if (!lengths.defined() || lengths.dim() != 1 ||
      !c10::isIntegralType(lengths.scalar_type(), /*includeBool=*/false)) {
    throw ShapeError("metrics::length_mask",
                     "expected lengths (batch) of integers, got " + describe_kind(lengths) + ".");
  }
  const Tensor ends = lengths.to(kInt64);
  check_range("metrics::length_mask", "lengths", ends, time + 1);
  return at::arange(time, ends.options()).lt(ends.unsqueeze(-1));
}

Tree sum_of_states(const Tree& a, const Tree& b) {
  return tree::zip(
      [](const Tree& x, const Tree& y) {
        return Tree(x.tensor().add(y.tensor().to(x.tensor().device())));
      },
      a, b);
}

Tree Accuracy::init() const { return no_counts(); }
Tree Accuracy::update(const Tree& state, const Tensor& y_hat, const Tensor& y,
                      const Tensor& mask) const {
  constexpr auto kWho = "metrics::Accuracy";
  const Tensor labels = whole_labels(kWho, y, mask);
  const Tensor right = predictions(kWho, y_hat, labels, dim, threshold).eq(labels);
  return counted(state, used(kWho, right, mask));
}
Tensor Accuracy::value(const Tree& state) const { return fraction(state); }

Tree TopKAccuracy::init() const { return no_counts(); }
Tree TopKAccuracy::update(const Tree& state, const Tensor& y_hat, const Tensor& y,
                          const Tensor& mask) const {
  constexpr auto kWho = "metrics::TopKAccuracy";
  if (k < 1) throw ArgumentError(kWho, fmt::format("expected k of at least 1, got {}.", k));
  const Tensor all_labels = whole_labels(kWho, y, mask);
  const Tensor rows = used_rows(kWho, scores(kWho, y_hat, y, dim), mask);
  const Tensor labels = used(kWho, all_labels, mask).unsqueeze(-1);
  check_range(kWho, "labels", labels, rows.size(-1));
  const Tensor before = rows.gt(rows.gather(-1, labels)).sum(-1);
  return counted(state, before.lt(k).logical_and(rows.isnan().any(-1).logical_not()));
}
Tensor TopKAccuracy::value(const Tree& state) const { return fraction(state); }

Tree ConfusionMatrix::init() const {
  check_classes("metrics::ConfusionMatrix", classes);
  return named({{"counts", zeros({classes, classes}, {.dtype = kInt64})}});
}
Tree ConfusionMatrix::update(const Tree& state, const Tensor& y_hat, const Tensor& y,
                             const Tensor& mask) const {
  constexpr auto kWho = "metrics::ConfusionMatrix";
  check_classes(kWho, classes);
  const Tensor all_labels = whole_labels(kWho, y, mask);
  const Tensor predicted = used(kWho, predictions(kWho, y_hat, y, dim, threshold), mask);
  const Tensor labels = used(kWho, all_labels, mask);
  check_range(kWho, "labels", labels, classes);
  const bool of_scores = y_hat.is_floating_point();
  check_range(kWho, of_scores ? "predictions (-1: scores of NaN)" : "predictions", predicted,
              classes);
  const Tensor pairs = at::bincount(labels.mul(classes).add(predicted), {}, classes * classes);
  return added(state, "counts", pairs.reshape({classes, classes}));
}
Tensor ConfusionMatrix::value(const Tree& state) const {
  return state["counts"].tensor().to(kFloat64);
}

}  // namespace luxtorch::metrics

namespace luxtorch {

Tensor detail::class_score(ClassScore score, const Tree& state, int64_t classes,
                           metrics::Average average) {
  using metrics::Average;
  const Tensor counts = state["counts"].tensor().to(kFloat64);
  const Tensor right = counts.diagonal(), predicted = counts.sum(0), labels = counts.sum(1);
  // Without data there are no numbers.
  const Tensor each =
      metrics::of_each(score, right, predicted, labels)
          .masked_fill(counts.sum().eq(0), std::numeric_limits<double>::quiet_NaN());
  switch (average) {
    case Average::Micro:  // what is predicted wrongly of one class is missed of another
      return right.sum().div(labels.sum());
    case Average::Weighted:
      return each.mul(labels).sum().div(labels.sum());
    case Average::Binary:
      if (classes == 2) return each.select(0, 1);
      throw ArgumentError(metrics::name_of(score),
                          fmt::format("expected 2 classes for Average::Binary, got {}.", classes));
    case Average::None:
      return each;
    default:
      return each.mean();
  }
}

}  // namespace luxtorch
