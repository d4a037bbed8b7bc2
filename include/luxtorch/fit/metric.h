// Metric: a named metric of fit, its type erased.
//
//     std::vector<Metric> all = {{"accuracy", metrics::Accuracy{}},
//                                {"error", [](const Tensor& y_hat, const Tensor& y) { return (y_hat - y).abs().mean(); }}};
#pragma once

#include <concepts>
#include <functional>
#include <string>
#include <utility>

#include "luxtorch/autodiff/objective.h"
#include "luxtorch/core/api.h"
#include "luxtorch/tree.h"

namespace luxtorch {

/// A fold over batches, as those of metrics/classes.h are.
template <class M>
concept MetricFold = requires(const M& m, const Tree& state, const Tensor& t) {
  { m.init() } -> std::convertible_to<Tree>;
  { m.update(state, t, t, t) } -> std::convertible_to<Tree>;
  { m.merge(state, state) } -> std::convertible_to<Tree>;
  { m.value(state) } -> std::convertible_to<Tensor>;
};

/// A metric with a name. A copyable value.
class Metric {
 public:
  /// name: its name in the history; of letters, digits and '_'. fold: a metric of metrics/, or a user's own.
  template <MetricFold M>
  Metric(std::string metric_name, M fold)
      : name(std::move(metric_name)),
        init([fold] { return Tree(fold.init()); }),
        update([fold](const Tree& state, const Tensor& y_hat, const Tensor& y, const Tensor& mask) {
          return Tree(fold.update(state, y_hat, y, mask));
        }),
        merge([fold](const Tree& a, const Tree& b) { return Tree(fold.merge(a, b)); }),
        value([fold](const Tree& state) { return Tensor(fold.value(state)); }) {}
  /// From a mean over a batch, (y_hat, y) -> 0-dim: its mean over all batches, weighted by y's size in
  /// dimension 0.
  template <class F>
    requires(LossFunction<F> && !MetricFold<F>)
  Metric(std::string metric_name, F mean)
      : Metric(std::move(metric_name),
               std::function<Tensor(const Tensor&, const Tensor&)>(std::move(mean)), 0) {}

  std::string name;            ///< Its name.
  std::function<Tree()> init;  ///< The state of no data.
  /// The state after a batch. An undefined mask leaves out nothing.
  std::function<Tree(const Tree& state, const Tensor& y_hat, const Tensor& y, const Tensor& mask)>
      update;
  std::function<Tree(const Tree& a, const Tree& b)> merge;  ///< The state of the data of both.
  std::function<Tensor(const Tree& state)> value;           ///< The metric.

 private:
  LUXTORCH_API Metric(std::string metric_name,
                      std::function<Tensor(const Tensor& y_hat, const Tensor& y)> mean, int);
};

}  // namespace luxtorch
