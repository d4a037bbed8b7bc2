#include "run_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "fit/axis.h"

namespace {

constexpr double kSilentAfter = 60;     // seconds
constexpr std::ptrdiff_t kRecent = 20;  // lines that a rate is of

template <class Line>
double newest(const std::vector<Line>& lines, double Line::* member) {
  for (auto line = lines.rbegin(); line != lines.rend(); ++line)
    if (!std::isnan((*line).*member)) return (*line).*member;
  return kNotSaid;
}

// Of steps and epochs, what the line of the later step says.
double newest(const RunLog& log, double StepLine::* of_step, double EpochLine::* of_epoch) {
  const double step = newest(log.steps, of_step), epoch = newest(log.epochs, of_epoch);
  if (std::isnan(step)) return epoch;
  if (std::isnan(epoch)) return step;
  return log.steps.back().step > log.epochs.back().step ? step : epoch;
}

// Seconds of a step over the last lines of this session.
template <class Line>
double seconds_per_step(const RunLog& log, const std::vector<Line>& lines) {
  if (lines.empty()) return kNotSaid;
  const auto& last = lines.back();
  double from_time = log.start.time;
  int64_t from_step = log.start.step;
  const auto count = std::min(kRecent, static_cast<std::ptrdiff_t>(lines.size()) - 1);
  for (auto line = lines.end() - 1 - count; line != lines.end() - 1; ++line) {
    if (!(line->time >= log.start.time)) continue;  // before a resume
    from_time = line->time;
    from_step = line->step;
    break;
  }
  const double seconds = last.time - from_time;
  return last.step > from_step && seconds >= 0
             ? seconds / static_cast<double>(last.step - from_step)
             : kNotSaid;
}

}  // namespace

std::string state_of(const RunLog& log, double now) {
  if (log.lines == 0) return "no log yet";
  if (log.end) {
    std::string word = log.end->error ? "failed" : "ended";
    return log.end->reason.empty() ? word : word + ": " + log.end->reason;
  }
  const double silent = now - log.last_time;
  return silent > kSilentAfter ? "silent for " + duration_text(silent) : "running";
}

int64_t last_step(const RunLog& log) {
  int64_t step = log.start.step;
  if (!log.steps.empty()) step = std::max(step, log.steps.back().step);
  if (!log.epochs.empty()) step = std::max(step, log.epochs.back().step);
  return step;
}

int64_t last_epoch(const RunLog& log) {
  return log.epochs.empty() ? log.start.epoch : std::max(log.start.epoch, log.epochs.back().epoch);
}

double last_rate(const RunLog& log) { return newest(log, &StepLine::rate, &EpochLine::rate); }
double last_samples_per_second(const RunLog& log) {
  return newest(log, &StepLine::samples_per_second, &EpochLine::samples_per_second);
}
double last_memory(const RunLog& log) { return newest(log.epochs, &EpochLine::memory); }

double milliseconds_per_step(const RunLog& log) {
  double seconds = seconds_per_step(log, log.steps);
  if (std::isnan(seconds)) seconds = seconds_per_step(log, log.epochs);
  return 1000 * seconds;
}

double seconds_left(const RunLog& log) {
  if (log.end || !log.start.epochs) return kNotSaid;
  const auto epochs = static_cast<double>(*log.start.epochs);
  double steps = kNotSaid;  // of the whole run
  if (log.start.batches) {
    steps = epochs * static_cast<double>(*log.start.batches);
  } else if (!log.epochs.empty() && log.epochs.back().epoch > 0) {
    steps = epochs * static_cast<double>(log.epochs.back().step) /
            static_cast<double>(log.epochs.back().epoch);
  }
  return std::max(steps - static_cast<double>(last_step(log)), 0.0) * milliseconds_per_step(log) /
         1000;
}

bool more_is_better(const std::string& metric) {
  static constexpr std::array<const char*, 13> kMore = {
      "accuracy", "precision", "recall", "f1",  "auc",   "top",        "score",
      "iou",      "dice",      "bleu",   "mcc", "kappa", "correlation"};
  return std::ranges::any_of(kMore,
                             [&](const char* part) { return metric.find(part) != metric.npos; });
}

std::optional<size_t> best_of(const Metric& metric) {
  std::optional<size_t> best;
  const bool more = more_is_better(metric.name);
  for (size_t i = 0; i < metric.values.size(); ++i) {
    const double value = metric.values[i];
    if (std::isnan(value)) continue;
    if (!best || (more ? value > metric.values[*best] : value < metric.values[*best])) best = i;
  }
  return best;
}

const Metric* find_metric(const RunLog& log, const std::string& name) {
  auto found = std::ranges::find(log.metrics, name, &Metric::name);
  return found == log.metrics.end() ? nullptr : &*found;
}

std::optional<size_t> best_epoch(const RunLog& log) {
  for (const char* name : {"validation_loss", "loss"})
    if (const auto* metric = find_metric(log, name))
      if (auto best = best_of(*metric)) return best;
  return std::nullopt;
}

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds) || seconds > 1e12) return "-";
  seconds = std::max(seconds, 0.0);
  const auto whole = static_cast<int64_t>(seconds);
  if (whole < 60) return fmt::format("{:.1f} s", seconds);
  if (whole < 3600) return fmt::format("{}:{:02} min", whole / 60, whole % 60);
  if (whole < 86400) return fmt::format("{}:{:02} h", whole / 3600, whole % 3600 / 60);
  return fmt::format("{} d {} h", whole / 86400, whole % 86400 / 3600);
}

std::string bytes_text(double bytes) {
  if (!(bytes >= 0)) return "-";
  for (const char* unit : {"B", "kB", "MB", "GB"}) {
    if (bytes < 999.5) return fmt::format("{} {}", luxtorch::detail::brief(bytes, 3), unit);
    bytes /= 1000;
  }
  return luxtorch::detail::brief(bytes, 3) + " TB";
}

std::string number_or_dash(double value, int digits) {
  return std::isnan(value) ? "-" : luxtorch::detail::brief(value, digits);
}
