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

// Seconds of a whole epoch of this session, validation and what callbacks do included.
double seconds_per_epoch(const RunLog& log) {
  if (log.epochs.size() <= log.epochs_before) return kNotSaid;
  const auto& first = log.epochs[log.epochs_before];
  const auto& last = log.epochs.back();
  double from_time = log.start.time;
  int64_t from_epoch = log.start.epoch;
  // What a run that was resumed within an epoch did of it is no whole one.
  const auto batches = log.start.batches.value_or(0);
  if (log.resumes > 0 &&
      (batches == 0 || log.start.step - log.base_step != log.start.epoch * batches)) {
    from_time = first.time;
    from_epoch = first.epoch;
  }
  const double seconds = last.time - from_time;
  return last.epoch > from_epoch && seconds >= 0
             ? seconds / static_cast<double>(last.epoch - from_epoch)
             : kNotSaid;
}

bool is_letter(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Whether the word is in the name, with no letter or digit before it and no letter behind it.
bool has_word(std::string_view name, std::string_view word) {
  for (auto at = name.find(word); at != name.npos; at = name.find(word, at + 1)) {
    const auto behind = at + word.size();
    if ((at == 0 || (!is_letter(name[at - 1]) && !is_digit(name[at - 1]))) &&
        (behind == name.size() || !is_letter(name[behind])))
      return true;
  }
  return false;
}

// "top5", "top_5": no "stop" or "topology".
bool has_top(std::string_view name) {
  for (auto at = name.find("top"); at != name.npos; at = name.find("top", at + 1)) {
    const auto behind = at + 3;
    if ((at == 0 || !is_letter(name[at - 1])) && behind < name.size() &&
        (is_digit(name[behind]) || name[behind] == '_'))
      return true;
  }
  return false;
}

}  // namespace

std::string state_of(const RunLog& log, double now) {
  if (!log.unreadable.empty()) return "the log cannot be read: " + log.unreadable;
  if (log.lines == 0) return "no log yet";
  if (log.end) {
    std::string word = log.end->error ? "failed" : "ended";
    return log.end->reason.empty() ? word : word + ": " + log.end->reason;
  }
  const double silent = now - log.last_time;
  return silent > kSilentAfter ? "silent for " + duration_text(silent) : "running";
}

int64_t last_step(const RunLog& log) {
  int64_t step = std::max(log.start.step, log.end ? log.end->step : 0);
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

std::optional<int64_t> whole_steps(const RunLog& log) {
  if (!log.start.epochs || !log.start.batches) return std::nullopt;
  const double steps =
      static_cast<double>(log.base_step) +
      static_cast<double>(*log.start.epochs) * static_cast<double>(*log.start.batches);
  if (steps > 1e15) return std::nullopt;
  return static_cast<int64_t>(steps);
}

double seconds_left(const RunLog& log) {
  if (log.end || !log.start.epochs) return kNotSaid;
  const auto epochs = static_cast<double>(*log.start.epochs);
  if (const double each = seconds_per_epoch(log); !std::isnan(each)) {
    const double since = std::max(log.last_time - log.epochs.back().time, 0.0);
    return std::max((epochs - static_cast<double>(last_epoch(log))) * each - since, 0.0);
  }
  double steps = kNotSaid;  // of the whole run
  if (const auto whole = whole_steps(log)) {
    steps = static_cast<double>(*whole);
  } else if (!log.epochs.empty() && log.epochs.back().epoch > 0) {
    steps = static_cast<double>(log.base_step) +
            epochs * static_cast<double>(log.epochs.back().step - log.base_step) /
                static_cast<double>(log.epochs.back().epoch);
  }
  return std::max(steps - static_cast<double>(last_step(log)), 0.0) * milliseconds_per_step(log) /
         1000;
}

bool more_is_better(const std::string& metric) {
  // Words stand alone: "map" is none in "mape", "r2" none in "layer2".
  static constexpr std::array<const char*, 3> kLess = {"loss", "error", "perplexity"};
  static constexpr std::array<const char*, 17> kMore = {
      "accuracy", "precision", "recall",      "f1",          "auc",        "score",
      "iou",      "dice",      "bleu",        "mcc",         "kappa",      "auroc",
      "psnr",     "ssim",      "correlation", "specificity", "sensitivity"};
  static constexpr std::array<const char*, 3> kMoreAsWords = {"map", "roc", "r2"};
  std::string name = metric;
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  auto has = [&](const char* part) { return name.find(part) != name.npos; };
  if (std::ranges::any_of(kLess, has)) return false;
  return std::ranges::any_of(kMore, has) ||
         std::ranges::any_of(kMoreAsWords,
                             [&](const char* word) { return has_word(name, word); }) ||
         has_top(name);
}

std::optional<size_t> best_of(const Metric& metric) {
  std::optional<size_t> best;
  const bool more = more_is_better(metric.name);
  for (size_t i = 0; i < metric.values.size(); ++i) {
    const auto& value = metric.values[i];
    if (!value || std::isnan(*value)) continue;
    if (!best || (more ? *value > *metric.values[*best] : *value < *metric.values[*best])) best = i;
  }
  return best;
}

std::optional<size_t> last_of(const Metric& metric) {
  for (size_t i = metric.values.size(); i-- > 0;)
    if (metric.values[i]) return i;
  return std::nullopt;
}

MetricText text_of(const RunLog& log, const Metric& metric) {
  MetricText text;
  const auto last = last_of(metric), best = best_of(metric);
  if (last) text.last = luxtorch::detail::brief(*metric.values[*last]);
  if (best) {
    text.best = luxtorch::detail::brief(*metric.values[*best]);
    text.best_epoch = log.epochs[*best].epoch;
    text.best_is_last = best == last;
  }
  return text;
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
