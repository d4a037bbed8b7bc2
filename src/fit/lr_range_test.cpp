#include "luxtorch/fit/lr_range_test.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ostream>

#include "fit/monitored.h"
#include "fit/terminal_plot.h"
#include "fit/terminal_text.h"
#include "luxtorch/core/error.h"

namespace luxtorch {

namespace {

void check_range(const LrRangeTestOptions& o) {
  const char* who = "lr_range_test";
  detail::check_option(std::isfinite(o.from) && o.from > 0, who, "from", "finite and above 0",
                       o.from);
  detail::check_option(std::isfinite(o.to) && o.to > o.from, who, "to", "finite and above `from`",
                       o.to);
  detail::check_option(o.steps >= 3, who, "steps", "of at least 3", static_cast<double>(o.steps));
  detail::check_option(o.smoothing >= 0 && o.smoothing < 1, who, "smoothing", "in [0, 1)",
                       o.smoothing);
  detail::check_option(o.divergence > 1, who, "divergence", "above 1", o.divergence);
}

// All batches of the loader's next epochs, without end.
class NextBatches {
 public:
  explicit NextBatches(const data::DataLoader& loader)
      : loader_(loader), epoch_(loader.epoch()), at_(loader.batches(epoch_).begin()) {}
  Tree next() {
    if (at_ == std::default_sentinel) at_ = loader_.batches(++epoch_).begin();
    Tree batch = *at_;
    ++at_;
    return batch;
  }

 private:
  const data::DataLoader& loader_;
  uint64_t epoch_;
  data::Batches::Iterator at_;
};

std::optional<double> steepest(const LrRangeTest& test) {
  const auto& y = test.smoothed;
  const auto least = static_cast<size_t>(std::min_element(y.begin(), y.end()) - y.begin());
  std::optional<double> rate;
  double most = 0;
  // Slopes over log(lr) but for a factor: its steps are equal.
  for (size_t i = std::max<size_t>(1, y.size() / 10); i < least && i + 1 < y.size(); ++i) {
    const double slope = (y[i + 1] - y[i - 1]) / 2;
    if (slope < most) most = slope, rate = test.lrs[i];
  }
  return rate;
}

}  // namespace

LrRangeTest lr_range_test(const TrainState& ts, const Objective& objective,
                          const data::DataLoader& loader, const LrRangeTestOptions& options) {
  check_range(options);
  TrainState trial = ts;
  NextBatches batches(loader);
  LrRangeTest test;
  double mean = 0, weight = 0, least = 0;
  for (int64_t i = 0; i < options.steps && !test.diverged; ++i) {
    const double part = static_cast<double>(i) / static_cast<double>(options.steps - 1);
    const double rate = options.from * std::pow(options.to / options.from, part);
    adjust_(trial, {.lr = rate});
    double loss = 0;
    try {
      loss = single_train_step_(objective, batches.next(), trial).loss.item<double>();
    } catch (const NonFiniteError&) {
      loss = std::numeric_limits<double>::quiet_NaN();
    }
    test.diverged = !std::isfinite(loss);
    if (test.diverged) break;
    mean = options.smoothing * mean + (1 - options.smoothing) * loss;
    weight = options.smoothing * weight + (1 - options.smoothing);
    const double smoothed = mean / weight;
    least = i == 0 ? smoothed : std::min(least, smoothed);
    test.lrs.push_back(rate);
    test.losses.push_back(loss);
    test.smoothed.push_back(smoothed);
    test.diverged = smoothed > options.divergence * least;
  }
  test.suggestion = steepest(test);
  return test;
}

std::ostream& operator<<(std::ostream& out, const LrRangeTest& test) {
  out << detail::terminal_plot({{"loss", test.lrs, test.smoothed}},
                               {.title = "smoothed loss",
                                .x_label = "learning rate",
                                .log_x = true,
                                .unicode = detail::locale_is_utf8(),
                                .legend = false});
  if (test.suggestion)
    return out << fmt::format("suggestion: {:.3g}, where the loss falls most steeply\n",
                              *test.suggestion);
  return out << "no suggestion: the loss does not fall anywhere\n";
}

void LearningRateFinder::on_start(Event& event) {
  if (done) return;
  if (!loader)
    throw ArgumentError("LearningRateFinder", "expected a loader, got nullptr: the training data.");
  test = lr_range_test(event.ts, objective, *loader, options);
  done = true;
  if (!test->suggestion) {
    event.note("LearningRateFinder: no suggestion, the loss does not fall anywhere");
    return;
  }
  if (apply) adjust_(event.ts, {.lr = *test->suggestion});
  event.note(fmt::format("LearningRateFinder: {} {:.3g}", apply ? "learning rate" : "suggests",
                         *test->suggestion));
}

Tree LearningRateFinder::state() const { return named({{"done", done}}); }

void LearningRateFinder::set_state_(const Tree& state) {
  detail::check_state("LearningRateFinder::set_state_", state, {"done"});
  done = state["done"].scalar<bool>();
}

}  // namespace luxtorch
