#include "luxtorch/fit/metric.h"

#include <limits>

#include "luxtorch/core/error.h"
#include "luxtorch/core/values.h"
#include "luxtorch/metrics/classes.h"

namespace luxtorch {

namespace {

// {sum, count}: of the values of batches, weighted by their rows.
Tree mean_state(double sum, double count) { return named({{"sum", sum}, {"count", count}}); }
double sum_of(const Tree& state) { return state["sum"].scalar<double>(); }
double count_of(const Tree& state) { return state["count"].scalar<double>(); }

}  // namespace

Metric::Metric(std::string metric_name,
               std::function<Tensor(const Tensor& y_hat, const Tensor& y)> mean, int)
    : name(metric_name),
      init([] { return mean_state(0, 0); }),
      update([who = std::move(metric_name), mean = std::move(mean)](
                 const Tree& state, const Tensor& y_hat, const Tensor& y, const Tensor& mask) {
        if (mask.defined())
          throw ArgumentError("fit", "the metric " + who +
                                         " is a function of (y_hat, y), and the batch has a mask. "
                                         "Use a metric of metrics/, or one with the functions "
                                         "init, update, merge and value.");
        const double rows = y.dim() == 0 ? 1 : static_cast<double>(y.size(0));
        if (rows == 0) return state;
        return mean_state(sum_of(state) + rows * mean(y_hat, y).item<double>(),
                          count_of(state) + rows);
      }),
      merge([](const Tree& a, const Tree& b) {
        return mean_state(sum_of(a) + sum_of(b), count_of(a) + count_of(b));
      }),
      value([](const Tree& state) {
        const double none = std::numeric_limits<double>::quiet_NaN();
        return tensor(count_of(state) == 0 ? none : sum_of(state) / count_of(state),
                      {.dtype = kFloat64});
      }) {}

}  // namespace luxtorch
