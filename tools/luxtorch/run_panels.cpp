// panels_of: the curves of runs.

#include <algorithm>
#include <cmath>
#include <set>

#include "run_facts.h"

using luxtorch::detail::PlotSeries;

namespace {

const std::string kValidation = "validation_";

// Steps as fractions of epochs.
class EpochScale {
 public:
  explicit EpochScale(const RunLog& log) : steps_{static_cast<double>(log.base_step)} {
    for (const auto& epoch : log.epochs) {
      const auto step = static_cast<double>(epoch.step), at = static_cast<double>(epoch.epoch);
      if (step > steps_.back() && at > epochs_.back()) {
        steps_.push_back(step);
        epochs_.push_back(at);
      }
    }
    const size_t n = steps_.size();
    if (log.start.batches && *log.start.batches > 0) {
      steps_of_epoch_ = static_cast<double>(*log.start.batches);
    } else if (n > 1) {
      steps_of_epoch_ = (steps_[n - 1] - steps_[n - 2]) / (epochs_[n - 1] - epochs_[n - 2]);
    }
  }
  bool is_known() const { return !std::isnan(steps_of_epoch_); }
  double operator()(int64_t step) const {
    const auto x = static_cast<double>(step);
    if (x < steps_.front()) return epochs_.front();  // of a damaged log
    if (x >= steps_.back()) return epochs_.back() + (x - steps_.back()) / steps_of_epoch_;
    const auto next = static_cast<size_t>(std::ranges::upper_bound(steps_, x) - steps_.begin());
    const double part = (x - steps_[next - 1]) / (steps_[next] - steps_[next - 1]);
    return epochs_[next - 1] + part * (epochs_[next] - epochs_[next - 1]);
  }

 private:
  std::vector<double> steps_, epochs_ = {0};
  double steps_of_epoch_ = kNotSaid;
};

// A curve, and its run's best epoch in it.
struct Curve {
  PlotSeries series;
  std::optional<size_t> best;
};

// One run with its scale.
struct Drawn {
  const RunLog* log;
  EpochScale scale;
  bool over_epochs;

  double x(int64_t step) const { return over_epochs ? scale(step) : static_cast<double>(step); }

  PlotSeries steps(const std::string& name, double StepLine::* member) const {
    PlotSeries series{name, {}, {}};
    for (const auto& step : log->steps) {
      series.x.push_back(x(step.step));
      series.y.push_back(step.*member);
    }
    return series;
  }
  PlotSeries epochs(const std::string& name, const std::vector<double>& values) const {
    PlotSeries series{name, {}, values};
    for (const auto& epoch : log->epochs) series.x.push_back(x(epoch.step));
    return series;
  }
  // Without the points that the log lacks: a loss that only every second step says is a line.
  PlotSeries losses(const std::string& name) const {
    PlotSeries series{name, {}, {}};
    for (const auto& step : log->steps) {
      if (!step.loss) continue;
      series.x.push_back(x(step.step));
      series.y.push_back(*step.loss);
    }
    return series;
  }
  Curve metric(const std::string& name, const std::string& shown) const {
    Curve curve{{shown, {}, {}}, std::nullopt};
    const auto* found = find_metric(*log, name);
    if (!found) return curve;
    const auto best = best_epoch(*log);
    for (size_t i = 0; i < log->epochs.size(); ++i) {
      if (!found->values[i]) continue;
      if (best == i) curve.best = curve.series.x.size();
      curve.series.x.push_back(x(log->epochs[i].step));
      curve.series.y.push_back(*found->values[i]);
    }
    return curve;
  }
  // What steps say, or else what epochs say.
  PlotSeries both(const std::string& name, double StepLine::* of_step,
                  double EpochLine::* of_epoch) const {
    if (!log->steps.empty()) return steps(name, of_step);
    std::vector<double> values;
    for (const auto& epoch : log->epochs) values.push_back(epoch.*of_epoch);
    return epochs(name, values);
  }
};

bool has_points(const PlotSeries& series) {
  return std::ranges::any_of(series.y, [](double y) { return !std::isnan(y); });
}

bool changes(const PlotSeries& series) {
  double first = kNotSaid;
  for (double y : series.y) {
    if (std::isnan(first)) first = y;
    if (!std::isnan(y) && y != first) return true;
  }
  return false;
}

// The names of metrics in the order in which runs have them, loss first.
std::vector<std::string> names_of(const std::vector<const RunLog*>& runs) {
  std::vector<std::string> names = {"loss", kValidation + "loss"};
  for (const auto* log : runs)
    for (const auto& metric : log->metrics)
      if (std::ranges::find(names, metric.name) == names.end()) names.push_back(metric.name);
  return names;
}

void add(Panel& panel, PlotSeries series, std::optional<size_t> best) {
  panel.series.push_back(std::move(series));
  panel.best.push_back(best);
}

std::vector<Panel> panels_of_one(const Drawn& run, const std::string& x_label) {
  std::vector<Panel> all;
  std::set<std::string> done;
  for (const auto& name : names_of({run.log})) {
    const bool is_validation = name.starts_with(kValidation);
    const auto base = is_validation ? name.substr(kValidation.size()) : name;
    if (!done.insert(base).second) continue;
    Panel panel{base, x_label, {}, {}, {}};
    for (auto& curve : {run.metric(base, "train"), run.metric(kValidation + base, "validation")})
      if (has_points(curve.series)) add(panel, curve.series, curve.best);
    // Behind the others, which keep their colours: a step's loss is noise around the epochs'.
    if (base == "loss")
      if (auto series = run.losses("steps"); has_points(series)) {
        if (!panel.series.empty()) panel.noise = panel.series.size();
        add(panel, std::move(series), std::nullopt);
      }
    if (!panel.series.empty()) all.push_back(std::move(panel));
  }
  return all;
}

std::vector<Panel> panels_of_several(const std::vector<Drawn>& runs,
                                     const std::vector<std::string>& names,
                                     const std::string& x_label) {
  std::vector<const RunLog*> logs;
  for (const auto& run : runs) logs.push_back(run.log);
  std::vector<Panel> all;
  for (const auto& name : names_of(logs)) {
    Panel panel{name, x_label, {}, {}, {}};
    for (size_t i = 0; i < runs.size(); ++i) {
      auto curve = runs[i].metric(name, names[i]);
      if (name == "loss" && !has_points(curve.series)) curve = {runs[i].losses(names[i]), {}};
      add(panel, std::move(curve.series), curve.best);
    }
    if (std::ranges::any_of(panel.series, has_points)) all.push_back(std::move(panel));
  }
  return all;
}

}  // namespace

std::vector<Panel> panels_of(const std::vector<const RunLog*>& runs,
                             const std::vector<std::string>& names) {
  std::vector<Drawn> drawn;
  bool over_epochs = true;
  for (const auto* log : runs) {
    drawn.push_back({log, EpochScale(*log), true});
    const bool has_lines = !log->steps.empty() || !log->epochs.empty();
    over_epochs = over_epochs && (!has_lines || drawn.back().scale.is_known());
  }
  for (auto& run : drawn) run.over_epochs = over_epochs;
  const std::string x_label = over_epochs ? "epoch" : "step";

  auto all = drawn.size() == 1 ? panels_of_one(drawn[0], x_label)
                               : panels_of_several(drawn, names, x_label);
  Panel rates{"learning rate", x_label, {}, {}, {}}, speeds{"samples/s", x_label, {}, {}, {}};
  for (size_t i = 0; i < drawn.size(); ++i) {
    add(rates, drawn[i].both(names[i], &StepLine::rate, &EpochLine::rate), std::nullopt);
    add(speeds,
        drawn[i].both(names[i], &StepLine::samples_per_second, &EpochLine::samples_per_second),
        std::nullopt);
  }
  for (auto& panel : {std::ref(rates), std::ref(speeds)})
    if (std::ranges::any_of(panel.get().series, changes)) all.push_back(std::move(panel.get()));
  return all;
}
