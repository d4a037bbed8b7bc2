// The metrics against scikit-learn: with masks, over parts of the data, and through fit's Metric.
#include <gmock/gmock.h>

#include "luxtorch/autodiff/objective.h"
#include "luxtorch/core/index.h"
#include "luxtorch/fit/fit.h"
#include "luxtorch/layers/function.h"
#include "luxtorch/metrics/classes.h"
#include "luxtorch/metrics/scores.h"
#include "support/compare.h"
#include "support/golden.h"

namespace luxtorch::testing {
namespace {

using metrics::Average;

std::vector<Metric> of_classes() {
  std::vector<Metric> all{{"accuracy", metrics::Accuracy{}},
                          {"top_2", metrics::TopKAccuracy{.k = 2}},
                          {"confusion", metrics::ConfusionMatrix{.classes = 5}},
                          {"perplexity", metrics::Perplexity{}}};
  const std::pair<const char*, Average> averages[] = {{"macro", Average::Macro},
                                                      {"micro", Average::Micro},
                                                      {"weighted", Average::Weighted},
                                                      {"none", Average::None}};
  for (const auto& [name, average] : averages) {
    const std::string end = std::string("_") + name;
    all.push_back({"precision" + end, metrics::Precision{.classes = 5, .average = average}});
    all.push_back({"recall" + end, metrics::Recall{.classes = 5, .average = average}});
    all.push_back({"f1" + end, metrics::F1{.classes = 5, .average = average}});
  }
  return all;
}

std::vector<Metric> of_two() {
  return {{"accuracy", metrics::Accuracy{}},
          {"precision", metrics::Precision{.classes = 2, .average = Average::Binary}},
          {"recall", metrics::Recall{.classes = 2, .average = Average::Binary}},
          {"f1", metrics::F1{.classes = 2, .average = Average::Binary}},
          {"auroc", metrics::AUROC{}},
          {"r2", metrics::R2{}}};
}

struct Case {
  const char* name;
  std::vector<Metric> all;
};
std::vector<Case> metric_cases() { return {{"classes", of_classes()}, {"two", of_two()}}; }

Tensor rows(const Tensor& t, int64_t first, int64_t last) {
  return t.defined() ? t.slice(0, first, last) : t;
}

// The metric of all rows, in parts of several sizes that are merged from the left, or from the right.
Tensor merged(const Metric& metric, const Tree& data, const Tensor& mask, bool from_the_left) {
  const Tensor y_hat = data["y_hat"].tensor(), y = data["y"].tensor();
  std::vector<Tree> parts;
  const std::vector<int64_t> ends{0, 1, 18, 18, 50, 90};
  for (size_t i = 1; i < ends.size(); ++i) {
    const auto a = ends[i - 1], b = ends[i];
    parts.push_back(
        metric.update(metric.init(), rows(y_hat, a, b), rows(y, a, b), rows(mask, a, b)));
  }
  Tree all = metric.init();
  for (size_t i = 0; i < parts.size(); ++i)
    all = from_the_left ? metric.merge(all, parts[i])
                        : metric.merge(parts[parts.size() - 1 - i], all);
  return metric.value(all);
}

TEST(MetricsGolden, AreScikitLearnsOverPartsInBothOrders) {
  const Tree golden = load_golden("metrics");
  for (const auto& [name, all] : metric_cases()) {
    const Tree& data = golden[name];
    ASSERT_EQ(data["all"].size(), all.size());
    for (const auto& metric : all) {
      SCOPED_TRACE(std::string(name) + " " + metric.name);
      for (bool left : {true, false}) {
        EXPECT_CLOSE(merged(metric, data, {}, left), data["all"][metric.name].tensor(),
                     kGoldenFloat64);
        EXPECT_CLOSE(merged(metric, data, data["mask"].tensor(), left),
                     data["masked"][metric.name].tensor(), kGoldenFloat64);
      }
    }
  }
}

// Sequences, (batch, time), of which the mask leaves out what is padded.
TEST(MetricsGolden, OfSequencesAreThoseOfTheirSteps) {
  const Tree golden = load_golden("metrics");
  for (const auto& [name, all] : metric_cases()) {
    const Tree& data = golden[name];
    const Tensor y_hat = data["y_hat"].tensor();
    const Tensor as_sequences =
        y_hat.dim() == 1 ? y_hat.reshape({9, 10}) : y_hat.reshape({9, 10, y_hat.size(1)});
    for (const auto& metric : all) {
      SCOPED_TRACE(std::string(name) + " " + metric.name);
      const Tree state =
          metric.update(metric.init(), as_sequences, data["y"].tensor().reshape({9, 10}),
                        data["mask"].tensor().reshape({9, 10}));
      EXPECT_CLOSE(metric.value(state), data["masked"][metric.name].tensor(), kGoldenFloat64);
    }
  }
}

// Batches (x, y, mask) of a model that gives its input.
TEST(MetricsGolden, AreWhatEvaluateGives) {
  const Tree golden = load_golden("metrics");
  const Layer model = NoOpLayer();
  const auto [ps, st] = setup(Rng(0), model);
  const TrainState ts(model, ps, st, Descent());
  const Objective objective(
      [](const Layer& layer, const Tree& p, const Tree& s, const Tree& batch) {
        auto [y_hat, after] = apply<Tensor>(layer, batch[0].tensor(), p, s);
        return LossOut{y_hat.mean(), after};
      });
  for (const auto& [name, all] : metric_cases()) {
    const Tree& data = golden[name];
    const data::DataLoader loader(tuple({data["y_hat"], data["y"], data["mask"]}),
                                  {.batch_size = 32});
    const Tree values = evaluate(ts, objective, loader, all);
    EXPECT_CLOSE(values["loss"].tensor(), data["y_hat"].tensor().mean(), kPlainFloat64);
    for (const auto& metric : all) {
      SCOPED_TRACE(std::string(name) + " " + metric.name);
      EXPECT_CLOSE(values[metric.name].tensor(), data["masked"][metric.name].tensor(),
                   kGoldenFloat64);
    }
  }
}

}  // namespace
}  // namespace luxtorch::testing
