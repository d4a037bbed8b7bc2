// The metrics against loops over the samples, and what all of them promise.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>

#include "luxtorch/core/index.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/metrics/classes.h"
#include "luxtorch/metrics/scores.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

using namespace metrics;
using Integers = std::vector<int64_t>;

Tensor value_of(double x) { return full({}, x, {.dtype = kFloat64}); }
Tensor integers(Integers values) { return tensor(values); }

struct Classes {
  Tensor y_hat = random::normal(Rng(0), {60, 4});
  Tensor y = random::integers(Rng(1), {60}, 0, 4);
  Tensor mask = random::uniform(Rng(2), {60}).gt(0.3);
  int64_t label(int64_t i) const { return y[i].item<int64_t>(); }
  int64_t guess(int64_t i) const { return y_hat[i].argmax().item<int64_t>(); }
  bool used(int64_t i) const { return mask[i].item<bool>(); }
};

struct Metric {
  std::string name;
  std::function<Tree()> init;
  std::function<Tree(const Tree&, const Tensor&, const Tensor&, const Tensor&)> update;
  std::function<Tree(const Tree&, const Tree&)> merge;
  std::function<Tensor(const Tree&)> value;
  bool numbers = false;  // y_hat of y's shape
};

template <class M>
Metric any(const std::string& name, M m, bool numbers = false) {
  return {name,
          [m] { return m.init(); },
          [m](const Tree& s, const Tensor& a, const Tensor& b, const Tensor& c) {
            return m.update(s, a, b, c);
          },
          [m](const Tree& a, const Tree& b) { return m.merge(a, b); },
          [m](const Tree& s) { return m.value(s); },
          numbers};
}

std::vector<Metric> all_metrics() {
  return {any("Accuracy", Accuracy{}),
          any("TopKAccuracy", TopKAccuracy{.k = 2}),
          any("ConfusionMatrix", ConfusionMatrix{.classes = 4}),
          any("Precision", Precision{.classes = 4}),
          any("Recall", Recall{.classes = 4, .average = Average::Weighted}),
          any("F1", F1{.classes = 4, .average = Average::None}),
          any("Perplexity", Perplexity{}),
          any("AUROC", AUROC{}, true),
          any("R2", R2{}, true)};
}

// y_hat and y as the metric takes them.
std::pair<Tensor, Tensor> data_of(const Metric& m) {
  const Classes c;
  return m.numbers ? std::pair{c.y_hat.select(1, 0), c.y.gt(1).to(kInt64)}
                   : std::pair{c.y_hat, c.y};
}

TEST(Metrics, OfPartsInAnyOrderAreThoseOfAll) {
  for (const Metric& m : all_metrics()) {
    SCOPED_TRACE(m.name);
    auto [y_hat, y] = data_of(m);
    const Tensor all = m.value(m.update(m.init(), y_hat, y, {}));
    EXPECT_EQ(all.scalar_type(), kFloat64);
    auto part = [&, y_hat = y_hat, y = y](const Tree& state, int64_t first, int64_t n) {
      return m.update(state, y_hat.narrow(0, first, n), y.narrow(0, first, n), {});
    };
    EXPECT_CLOSE(m.value(part(part(part(m.init(), 50, 10), 0, 1), 1, 49)), all, 1e-12);
    const Tree merged = m.merge(part(m.init(), 20, 40), part(m.init(), 0, 20));
    EXPECT_CLOSE(m.value(merged), all, 1e-12);
    EXPECT_CLOSE(m.value(m.merge(m.init(), merged)), all, 1e-12);
  }
}

TEST(Metrics, AMaskLeavesOutWhatIsFalseWhateverItHolds) {
  const Classes c;
  for (const Metric& m : all_metrics()) {
    SCOPED_TRACE(m.name);
    auto [y_hat, y] = data_of(m);
    const Tree expected = m.update(m.init(), index(y_hat, {c.mask}), index(y, {c.mask}), {});
    const Tensor other = y.masked_fill(c.mask.logical_not(), 1000);
    EXPECT_SAME(m.update(m.init(), y_hat, other, c.mask), expected);
    const Tree nothing = m.update(m.init(), y_hat, y, zeros({60}, {.dtype = kBool}));
    EXPECT_SAME(nothing, m.init());
    EXPECT_ERROR(ShapeError, m.update(m.init(), y_hat, y, ones({60})),
                 "[metrics::" +
                     std::string(m.name == "Precision" || m.name == "Recall" || m.name == "F1"
                                     ? "ConfusionMatrix"
                                     : m.name) +
                     "] expected a boolean mask of shape (60,), got a float32 tensor of shape "
                     "(60,).");
    EXPECT_THROW(m.update(m.init(), y_hat, y, ones({59}, {.dtype = kBool})), ShapeError);
  }
}

TEST(Metrics, StatesKeepNoGraph) {
  for (const Metric& m : all_metrics()) {
    auto [y_hat, y] = data_of(m);
    const Tree state = m.update(m.init(), y_hat.clone().requires_grad_(), y, {});
    for (const Tensor& t : tree::tensors(state)) EXPECT_FALSE(t.requires_grad()) << m.name;
  }
}

TEST(Metrics, OfNoDataAreNotANumber) {
  for (const Metric& m : all_metrics()) {
    const Tensor value = m.value(m.init());
    if (m.name == "ConfusionMatrix") {
      EXPECT_SAME(value, zeros({4, 4}, {.dtype = kFloat64}));
    } else {
      EXPECT_TRUE(value.isnan().all().item<bool>()) << m.name;
    }
  }
}

// A model that has diverged predicts nothing.
TEST(Metrics, ScoresOfNaNAreWrongPredictions) {
  const Tensor y = integers({0, 1, 2});
  const Tensor y_hat = tensor({1., 0., 0., 0., 1., NAN, 0., 0., 1.}).reshape({3, 3});
  const Tensor all = full({3, 3}, NAN);
  auto of = [&](const auto& m, const Tensor& scores) {
    return m.value(m.update(m.init(), scores, y)).template item<double>();
  };
  EXPECT_EQ(of(Accuracy{}, y_hat), 2.0 / 3);
  EXPECT_EQ(of(Accuracy{}, all), 0);
  for (int64_t k : {1, 2}) {
    EXPECT_EQ(of(TopKAccuracy{.k = k}, y_hat), 2.0 / 3);
    EXPECT_EQ(of(TopKAccuracy{.k = k}, all), 0);
  }
  const Accuracy binary;
  EXPECT_EQ(binary.value(binary.update(binary.init(), tensor({NAN, 0.2}), integers({0, 0})))
                .item<double>(),
            0.5);
  const ConfusionMatrix matrix{.classes = 3};
  EXPECT_ERROR(
      ArgumentError, matrix.update(matrix.init(), y_hat, y),
      "[metrics::ConfusionMatrix] expected predictions (-1: scores of NaN) in [0, 3), got -1.");
}

TEST(Metrics, LengthMaskRefusesLengthsOutsideTheTime) {
  EXPECT_SAME(length_mask(integers({0, 2}), 2), tensor({false, false, true, true}).reshape({2, 2}));
  EXPECT_ERROR(ArgumentError, length_mask(integers({1, 3}), 2),
               "[metrics::length_mask] expected lengths in [0, 3), got 3.");
  EXPECT_ERROR(ArgumentError, length_mask(integers({-1}), 2),
               "[metrics::length_mask] expected lengths in [0, 3), got -1.");
}

TEST(AUROC, KeepsFewVectorsOfManyBatches) {
  const AUROC auroc;
  Tree state = auroc.init();
  const Tensor scores = random::uniform(Rng(3), {200}), labels = scores.gt(0.4).to(kInt64);
  for (int64_t i = 0; i < 100; ++i)
    state = auroc.update(state, scores.narrow(0, 2 * i, 2), labels.narrow(0, 2 * i, 2));
  EXPECT_LE(state["scores"].size(), 8u);
  EXPECT_SAME(auroc.value(state), auroc.value(auroc.update(auroc.init(), scores, labels)));
}

TEST(Perplexity, OfHalvesIsThatOfFloats) {
  const Tensor logits = (random::normal(Rng(2), {40, 5}) * 4).to(Dtype::BFloat16),
               y = integers({0, 1, 2, 3, 4}).repeat({8});
  const Perplexity p;
  EXPECT_CLOSE(p.value(p.update(p.init(), logits, y)),
               p.value(p.update(p.init(), logits.to(kFloat64), y)), 1e-5);
}

TEST(Accuracy, CountsRightPredictions) {
  const Classes c;
  double right = 0, count = 0;
  for (int64_t i = 0; i < 60; ++i) {
    if (!c.used(i)) continue;
    right += c.label(i) == c.guess(i);
    ++count;
  }
  const Accuracy accuracy;
  auto of = [&](const Tensor& y_hat) {
    return accuracy.value(accuracy.update(accuracy.init(), y_hat, c.y, c.mask));
  };
  EXPECT_CLOSE(of(c.y_hat), value_of(right / count), 1e-15);
  EXPECT_CLOSE(of(c.y_hat.argmax(-1)), value_of(right / count), 1e-15);
  const Accuracy first{.dim = 0};
  EXPECT_CLOSE(first.value(first.update(first.init(), c.y_hat.t(), c.y, c.mask)),
               value_of(right / count), 1e-15);
}

TEST(Accuracy, OfProbabilitiesHasAThreshold) {
  const Tensor p = tensor({0.2, 0.4, 0.6, 0.9}), y = integers({0, 1, 1, 0});
  auto of = [&](const Accuracy& a) { return a.value(a.update(a.init(), p, y)); };
  EXPECT_CLOSE(of({}), value_of(0.5), 0);
  EXPECT_CLOSE(of({.threshold = 0.3}), value_of(0.75), 0);
}

TEST(Accuracy, OfPaddedSequencesTakesLengths) {
  const Tensor mask = length_mask(integers({3, 0, 2}), 3);
  EXPECT_SAME(mask,
              tensor({true, true, true, false, false, false, true, true, false}).reshape({3, 3}));
  // More time steps than the lengths' dtype can count.
  EXPECT_EQ(length_mask(integers({3}).to(Dtype::Byte), 300).sum().item<int64_t>(), 3);
  const Tensor y = integers({1, 0, 1, 7, 7, 7, 0, 1, 7}).reshape({3, 3});
  const Accuracy a;
  EXPECT_CLOSE(a.value(a.update(a.init(), ones({3, 3}, {.dtype = kInt64}), y, mask)), value_of(0.6),
               1e-15);
  EXPECT_ERROR(
      ShapeError, length_mask(ones({3}), 3),
      "[metrics::length_mask] expected lengths (batch) of integers, got a float32 tensor of "
      "shape (3,).");
}

TEST(TopKAccuracy, CountsLabelsAmongTheLargestScores) {
  const Tensor y_hat = tensor({0.1, 0.7, 0.2, 0.5, 0.3, 0.2, 0.4, 0.4, 0.2}).reshape({3, 3});
  const Tensor y = integers({2, 2, 1});
  auto of = [&](int64_t k) {
    const TopKAccuracy m{.k = k};
    return m.value(m.update(m.init(), y_hat, y));
  };
  EXPECT_CLOSE(of(1), value_of(1.0 / 3), 1e-15);  // equal scores do not count against the label
  EXPECT_CLOSE(of(2), value_of(2.0 / 3), 1e-15);
  EXPECT_CLOSE(of(3), value_of(1), 0);
  EXPECT_ERROR(ArgumentError, of(0), "[metrics::TopKAccuracy] expected k of at least 1, got 0.");
}

TEST(ConfusionMatrix, HasLabelsInRowsAndPredictionsInColumns) {
  const ConfusionMatrix m{.classes = 3};
  const Tree state = m.update(m.init(), integers({0, 1, 1, 2, 0}), integers({0, 1, 2, 2, 1}));
  EXPECT_SAME(m.value(state),
              tensor({1., 0., 0., 1., 1., 0., 0., 1., 1.}, {.dtype = kFloat64}).reshape({3, 3}));
}

TEST(PrecisionRecallF1, FollowTheirFormulas) {
  const Classes c;
  std::vector<double> precision(4), recall(4), f1(4), labels(4);
  double right = 0;
  for (int64_t k = 0; k < 4; ++k) {
    double both = 0, predicted = 0;
    for (int64_t i = 0; i < 60; ++i) {
      both += c.label(i) == k && c.guess(i) == k;
      predicted += c.guess(i) == k;
      labels[k] += c.label(i) == k;
    }
    right += both;
    precision[k] = both / predicted;
    recall[k] = both / labels[k];
    f1[k] = 2 * precision[k] * recall[k] / (precision[k] + recall[k]);
  }
  auto check = [&](auto metric, const std::vector<double>& each) {
    auto of = [&](Average average) {
      metric.average = average;
      return metric.value(metric.update(metric.init(), c.y_hat, c.y));
    };
    double mean = 0, weighted = 0;
    for (size_t k = 0; k < 4; ++k) mean += each[k] / 4, weighted += each[k] * labels[k] / 60;
    EXPECT_CLOSE(of(Average::None), tensor(each, {.dtype = kFloat64}), 1e-14);
    EXPECT_CLOSE(of(Average::Macro), value_of(mean), 1e-14);
    EXPECT_CLOSE(of(Average::Weighted), value_of(weighted), 1e-14);
    EXPECT_CLOSE(of(Average::Micro), value_of(right / 60), 1e-14);
  };
  check(Precision{.classes = 4}, precision);
  check(Recall{.classes = 4}, recall);
  check(F1{.classes = 4}, f1);
}

TEST(PrecisionRecallF1, OfTwoClassesAreThoseOfClassOne) {
  const Tensor p = tensor({0.9, 0.8, 0.7, 0.1, 0.2}), y = tensor({true, false, true, true, false});
  auto of = [&](auto m) { return m.value(m.update(m.init(), p, y)); };
  EXPECT_CLOSE(of(Precision{.classes = 2, .average = Average::Binary}), value_of(2.0 / 3), 1e-15);
  EXPECT_CLOSE(of(Recall{.classes = 2, .average = Average::Binary}), value_of(2.0 / 3), 1e-15);
  EXPECT_CLOSE(of(F1{.classes = 2, .average = Average::Binary}), value_of(2.0 / 3), 1e-15);
  EXPECT_ERROR(ArgumentError, of(F1{.classes = 3, .average = Average::Binary}),
               "[metrics::F1] expected 2 classes for Average::Binary, got 3.");
}

TEST(PrecisionRecallF1, AreZeroForAClassThatNeverOccurs) {
  const Tensor y = integers({0, 0});
  auto of = [&](auto m) { return m.value(m.update(m.init(), y, y)); };
  for (const Tensor& v : {of(Precision{.classes = 2, .average = Average::None}),
                          of(Recall{.classes = 2, .average = Average::None}),
                          of(F1{.classes = 2, .average = Average::None})})
    EXPECT_SAME(v, tensor({1., 0.}, {.dtype = kFloat64}));
}

TEST(AUROC, IsTheFractionOfPairsInOrder) {
  const Tensor scores = random::normal(Rng(3), {40}).mul(3).round();  // with ties
  const Tensor y = random::integers(Rng(4), {40}, 0, 2);
  double in_order = 0, pairs = 0;
  for (int64_t i = 0; i < 40; ++i) {
    for (int64_t j = 0; j < 40; ++j) {
      if (y[i].item<int64_t>() != 1 || y[j].item<int64_t>() != 0) continue;
      const float a = scores[i].item<float>(), b = scores[j].item<float>();
      in_order += a > b ? 1 : a == b ? 0.5 : 0;
      ++pairs;
    }
  }
  const AUROC m;
  EXPECT_CLOSE(m.value(m.update(m.init(), scores, y)), value_of(in_order / pairs), 1e-14);
  EXPECT_TRUE(std::isnan(
      m.value(m.update(m.init(), scores, ones({40}, {.dtype = kInt64}))).item<double>()));
  EXPECT_ERROR(ArgumentError, m.update(m.init(), scores * std::nan(""), y),
               "[metrics::AUROC] expected scores that are numbers, got NaN.");
  EXPECT_ERROR(ArgumentError, m.update(m.init(), scores, y + 1),
               "[metrics::AUROC] expected labels in [0, 2), got 2.");
}

TEST(R2, IsOneMinusTheUnexplainedFractionAlsoFarFromZero) {
  const Tensor y = random::normal(Rng(5), {50, 2}, 1e7, 1, kFloat64);
  const Tensor y_hat = y + random::normal(Rng(6), {50, 2}, 0, 0.5, kFloat64);
  const Tensor expected = (y - y_hat).square().sum().div((y - y.mean()).square().sum()).neg() + 1;
  const R2 m;
  Tree state = m.init();
  for (int64_t i = 0; i < 50; ++i) state = m.update(state, y_hat[i], y[i]);
  EXPECT_CLOSE(m.value(state), expected, 1e-8);
  EXPECT_ERROR(ShapeError, m.update(state, y_hat, y[0]),
               "[metrics::R2] expected y_hat floating and y of its shape, got a float64 tensor of "
               "shape (50, 2) and a float64 tensor of shape (2,).");
}

TEST(Perplexity, IsTheExponentialOfTheMeanLoss) {
  const Classes c;
  double loss = 0;
  for (int64_t i = 0; i < 60; ++i)
    loss -= c.y_hat[i].to(kFloat64).log_softmax(0)[c.label(i)].item<double>() / 60;
  const Perplexity m;
  EXPECT_CLOSE(m.value(m.update(m.init(), c.y_hat, c.y)), value_of(std::exp(loss)), 1e-6);
  EXPECT_CLOSE(m.value(m.update(m.init(), c.y_hat.to(kFloat64), c.y)), value_of(std::exp(loss)),
               1e-12);
  EXPECT_CLOSE(m.value(m.update(m.init(), zeros({5, 7}, {.dtype = kFloat64}),
                                zeros({5}, {.dtype = kInt64}))),
               value_of(7), 1e-14);
}

TEST(Metrics, TakeLabelsOfFloatingWholeNumbers) {
  const Classes c;
  const Accuracy a;
  const ConfusionMatrix m{.classes = 4};
  const Perplexity p;
  const Tensor y = c.y.to(kFloat32);
  EXPECT_TRUE(tree::equal(a.update(a.init(), c.y_hat, y), a.update(a.init(), c.y_hat, c.y)));
  EXPECT_TRUE(tree::equal(m.update(m.init(), c.y_hat, y), m.update(m.init(), c.y_hat, c.y)));
  EXPECT_TRUE(tree::equal(p.update(p.init(), c.y_hat, y), p.update(p.init(), c.y_hat, c.y)));
  // What the mask leaves out may be anything, NaN too.
  Tensor mask = ones({60}, {.dtype = kBool}), with_nan = y.clone();
  mask[7].fill_(false);
  with_nan[7].fill_(std::numeric_limits<double>::quiet_NaN());
  EXPECT_TRUE(tree::equal(a.update(a.init(), c.y_hat, with_nan, mask),
                          a.update(a.init(), c.y_hat, c.y, mask)));
  EXPECT_ERROR(ArgumentError, a.update(a.init(), c.y_hat, with_nan),
               "[metrics::Accuracy] expected labels y of whole numbers, got nan.");
}

TEST(Metrics, RefuseOtherShapesAndLabels) {
  const Classes c;
  const Accuracy a;
  EXPECT_ERROR(
      ShapeError, a.update(a.init(), c.y_hat, c.y.narrow(0, 0, 59)),
      "[metrics::Accuracy] expected labels of y_hat's shape without its classes, (60,), got "
      "y_hat (60, 4) and y (59,).");
  EXPECT_ERROR(ArgumentError, a.update(a.init(), c.y_hat, c.y.to(kFloat32) + 0.25),
               fmt::format("[metrics::Accuracy] expected labels y of whole numbers, got {}.",
                           c.y[0].item<int64_t>() + 0.25));
  EXPECT_ERROR(ArgumentError, (Accuracy{.dim = 2}.update(a.init(), c.y_hat, c.y)),
               "[metrics::Accuracy] expected dim to name a dimension of y_hat (60, 4), got 2.");
  const ConfusionMatrix m{.classes = 3};
  EXPECT_ERROR(ArgumentError, m.update(m.init(), c.y_hat, c.y),
               "[metrics::ConfusionMatrix] expected labels in [0, 3), got 3.");
  EXPECT_ERROR(ArgumentError, ConfusionMatrix{.classes = 0}.init(),
               "[metrics::ConfusionMatrix] expected classes of at least 1, got 0.");
  EXPECT_THROW(Perplexity{}.update(Perplexity{}.init(), c.y_hat, c.y + 1), ArgumentError);
}

}  // namespace
}  // namespace luxtorch::testing
