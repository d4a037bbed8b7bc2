// What follows from a run's log: its state, rates, the time that is left, its best epoch, its curves.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fit/terminal_plot.h"
#include "run_log.h"

/// "running", "silent for 5 min", "ended", "ended: early stopping", "failed: ...", "no log yet", or
/// why the log cannot be read.
/// now: seconds since 1970.
std::string state_of(const RunLog& log, double now);

/// The last step and epoch that the log knows of.
int64_t last_step(const RunLog& log);
int64_t last_epoch(const RunLog& log);
/// The steps of the state after the whole run, with those before it; none where it is not known.
std::optional<int64_t> whole_steps(const RunLog& log);

/// The newest that steps or epochs say; NaN where they say nothing.
double last_rate(const RunLog& log);
double last_samples_per_second(const RunLog& log);
double last_memory(const RunLog& log);

/// Milliseconds of a step, of the last ones; NaN where there are too few.
double milliseconds_per_step(const RunLog& log);
/// Until the last epoch's end, at the rate of this session's whole epochs, which has validation in
/// it; before the first of them at the rate of steps. NaN where it is not known, or the run has
/// ended.
double seconds_left(const RunLog& log);

/// Whether more is better in a metric of that name, in letters of either case: accuracy and the
/// like. Of all others less is, so of every loss and error.
bool more_is_better(const std::string& metric);
/// The index of a metric's best epoch; none where all are absent or NaN.
std::optional<size_t> best_of(const Metric& metric);
/// The index of the last epoch that has the metric, be it as NaN; none where none has.
std::optional<size_t> last_of(const Metric& metric);
/// What is shown of a metric.
struct MetricText {
  std::string last = "-";  // "NaN" where the log says so
  std::string best = "";   // "" where there is none
  int64_t best_epoch = 0;
  bool best_is_last = false;
};
MetricText text_of(const RunLog& log, const Metric& metric);
/// The index of a run's best epoch: that of the least validation_loss, or of the least loss.
std::optional<size_t> best_epoch(const RunLog& log);
const Metric* find_metric(const RunLog& log, const std::string& name);

/// "12.3 s", "12:05 min", "3:05 h", "2 d 3 h"; "-" where it is not finite.
std::string duration_text(double seconds);
/// "512 MB", in powers of 1000.
std::string bytes_text(double bytes);
/// fit's brief number, or "-" for NaN.
std::string number_or_dash(double value, int digits = 4);

/// Curves that belong into one plot.
struct Panel {
  std::string title, x_label;
  std::vector<luxtorch::detail::PlotSeries> series;
  /// Of each series the index of the point of its run's best epoch, or none.
  std::vector<std::optional<size_t>> best;
  /// The series of single steps, which are noise around the others; none where there is none.
  std::optional<size_t> noise = {};
};

/// The curves of runs: of one run train and validation of a metric together, of several a plot for
/// each of the two, with one series for each run (empty where a run lacks it). Loss first, then the
/// other metrics, the learning rate and samples a second, if they change. They are drawn over
/// epochs, or over steps where a run does not say where its epochs end.
std::vector<Panel> panels_of(const std::vector<const RunLog*>& runs,
                             const std::vector<std::string>& names);
