#include "run_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

using luxtorch::io::Json;
using luxtorch::io::JsonFault;
using luxtorch::io::JsonObject;

namespace {

constexpr size_t kMostSteps = 20'000, kMostEpochs = 200'000, kMostMetrics = 100;
constexpr size_t kMostTexts = 500, kMostProblems = 10, kMostSettings = 300;
constexpr size_t kLongestCode = 200'000;         // bytes of a model as it is printed
constexpr int64_t kLargest = int64_t{1} << 53U;  // up to which doubles count steps

void complain(RunLog& log, const std::string& what) {
  ++log.damaged;
  if (log.problems.size() < kMostProblems)
    log.problems.push_back(fmt::format("line {}: {}", log.lines, cut_text(what)));
}

std::optional<double> number_of(const Json& json) {
  if (const auto* i = json.as<int64_t>()) return static_cast<double>(*i);
  if (const auto* u = json.as<uint64_t>()) return static_cast<double>(*u);
  if (const auto* d = json.as<double>()) return *d;
  if (const auto* s = json.as<std::string>()) {
    if (*s == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (*s == "Infinity") return std::numeric_limits<double>::infinity();
    if (*s == "-Infinity") return -std::numeric_limits<double>::infinity();
  }
  return std::nullopt;
}

std::optional<double> number_or_none(const Json& line, std::string_view key) {
  const auto* value = line.find(key);
  return value ? number_of(*value) : std::nullopt;
}

double number(const Json& line, std::string_view key) {
  return number_or_none(line, key).value_or(kNotSaid);
}

std::optional<int64_t> count(const Json& line, std::string_view key) {
  const auto* value = line.find(key);
  const auto* whole = value ? value->as<int64_t>() : nullptr;
  if (!whole || *whole < 0 || *whole > kLargest) return std::nullopt;
  return *whole;
}

int64_t needed(const Json& line, const char* key) {
  if (auto whole = count(line, key)) return *whole;
  const auto* value = line.find(key);
  throw JsonFault{key, "a count", value ? describe(*value) : "nothing"};
}

std::string text(const Json& line, std::string_view key, size_t most = 2000) {
  const auto* value = line.find(key);
  const auto* s = value ? value->as<std::string>() : nullptr;
  return s ? cut_text(*s, most) : "";
}

std::string as_text(const Json& value) {
  if (const auto* s = value.as<std::string>()) return cut_text(*s);
  if (const auto* b = value.as<bool>()) return *b ? "true" : "false";
  if (const auto* i = value.as<int64_t>()) return std::to_string(*i);
  if (const auto* u = value.as<uint64_t>()) return std::to_string(*u);
  if (const auto* d = value.as<double>()) return fmt::format("{}", *d);
  return describe(value);
}

std::vector<std::pair<std::string, std::string>> pairs(const Json& line, std::string_view key) {
  std::vector<std::pair<std::string, std::string>> all;
  const auto* value = line.find(key);
  const auto* object = value ? value->as<JsonObject>() : nullptr;
  if (!object) return all;
  for (const auto& [name, part] : *object)
    if (all.size() < kMostSettings) all.emplace_back(cut_text(name), as_text(part));
  return all;
}

// Whether a start goes on with the run that the log has. One of epoch 0 does so within the first
// epoch alone; else it is of another run, whose state may have been trained before.
bool resumes(const RunLog& log, const RunStart& start) {
  if (!log.started) return false;
  if (start.epoch > 0) return true;
  return start.step > log.base_step &&
         (!log.start.batches || start.step - log.base_step <= *log.start.batches);
}

// Makes void what is of a step after `done`.
void go_back(RunLog& log, int64_t done) {
  auto void_now = [done](const auto& point) { return point.step > done; };
  std::erase_if(log.steps, void_now);
  log.newest_is_extra = false;
  std::erase_if(log.texts, void_now);
  for (auto& metric : log.metrics) {
    size_t i = 0;
    std::erase_if(metric.values, [&](const auto&) { return void_now(log.epochs[i++]); });
  }
  std::erase_if(log.epochs, void_now);
  std::erase_if(log.metrics, [](const Metric& metric) { return metric.values.empty(); });
  log.end.reset();
}

void add_start(RunLog& log, const Json& line) {
  RunStart start;
  start.time = number(line, "time");
  start.step = count(line, "step").value_or(0);
  start.epoch = count(line, "epoch").value_or(0);
  start.epochs = count(line, "epochs");
  start.batches = count(line, "batches");
  start.parameters = count(line, "parameters");
  start.threads = count(line, "threads");
  start.processes = count(line, "processes");
  start.model = text(line, "model", kLongestCode);
  start.optimizer = text(line, "optimizer");
  start.luxtorch = text(line, "luxtorch");
  start.torch = text(line, "torch");
  start.host = text(line, "host");
  start.command = text(line, "command");
  start.hyperparameters = pairs(line, "hyperparameters");
  start.settings = pairs(line, "settings");
  if (const auto* summary = line.find("summary")) start.summary = *summary;

  if (resumes(log, start)) {
    go_back(log, start.step);
    ++log.resumes;
  } else {
    go_back(log, log.started ? -1 : start.step);
    log.base_step = start.epoch == 0 ? start.step : 0;
    log.step_stride = 1;
    log.steps_seen = static_cast<int64_t>(log.steps.size());
    log.seconds = 0;
    log.resumes = 0;
    log.first_time = start.time;
  }
  log.epochs_before = log.epochs.size();
  log.started = true;
  log.start = std::move(start);
}

void add_step(RunLog& log, const Json& line) {
  StepLine step;
  step.step = needed(line, "step");
  step.time = number(line, "time");
  step.loss = number_or_none(line, "loss");
  step.rate = number(line, "lr");
  step.samples_per_second = number(line, "samples_per_second");
  // The newest one is always kept, until the next takes its place.
  if (log.newest_is_extra) log.steps.pop_back();
  log.steps.push_back(step);
  log.newest_is_extra = log.steps_seen++ % log.step_stride != 0;
  if (log.newest_is_extra || log.steps.size() < kMostSteps) return;
  for (size_t i = 0; 2 * i < log.steps.size(); ++i) log.steps[i] = log.steps[2 * i];
  log.steps.resize((log.steps.size() + 1) / 2);
  log.step_stride *= 2;
}

void add_epoch(RunLog& log, const Json& line) {
  EpochLine epoch;
  epoch.epoch = needed(line, "epoch");
  epoch.step = needed(line, "step");
  epoch.time = number(line, "time");
  epoch.rate = number(line, "lr");
  epoch.samples_per_second = number(line, "samples_per_second");
  epoch.memory = number(line, "memory_bytes");
  // A run that was killed between an epoch's last step and its end has done that end again.
  if (!log.epochs.empty() && log.epochs.back().step == epoch.step) {
    log.epochs.pop_back();
    for (auto& metric : log.metrics) metric.values.resize(log.epochs.size(), kNotSaid);
  }
  if (log.epochs.size() >= kMostEpochs)
    throw JsonFault{"", fmt::format("at most {} epochs", kMostEpochs), "more"};
  log.epochs.push_back(epoch);
  const auto* metrics = line.find("metrics");
  const auto* object = metrics ? metrics->as<JsonObject>() : nullptr;
  if (object) {
    for (const auto& [name, value] : *object) {
      if (value.as<luxtorch::io::JsonArray>()) continue;  // a confusion matrix is no curve
      const auto cut = cut_text(name);
      auto found = std::ranges::find(log.metrics, cut, &Metric::name);
      if (found == log.metrics.end()) {
        if (log.metrics.size() >= kMostMetrics) continue;
        log.metrics.push_back({cut, std::vector<std::optional<double>>(log.epochs.size() - 1)});
        found = log.metrics.end() - 1;
      }
      found->values.resize(log.epochs.size());  // two names may be cut to one
      found->values.back() = number_of(value);
    }
  }
  for (auto& metric : log.metrics) metric.values.resize(log.epochs.size());
}

void add_text(RunLog& log, const Json& line) {
  log.texts.push_back({number(line, "time"), count(line, "step").value_or(0), text(line, "text")});
  if (log.texts.size() > kMostTexts) log.texts.pop_front();
}

void add_end(RunLog& log, const Json& line) {
  const auto* error = line.find("error");
  const auto* raised = error ? error->as<bool>() : nullptr;
  log.end = EndLine{count(line, "step").value_or(0), text(line, "reason"), raised && *raised};
}

void add_time(RunLog& log, double time, bool is_start) {
  if (!std::isfinite(time)) return;
  if (std::isnan(log.first_time)) log.first_time = time;
  // A line of an earlier time, of a clock that was set, takes none.
  if (!is_start && time > log.last_time) log.seconds += time - log.last_time;
  if (is_start || !(time <= log.last_time)) log.last_time = time;
}

}  // namespace

void add_line(RunLog& log, std::string_view line) {
  ++log.lines;
  if (line.find_first_not_of(" \t\r") == line.npos) return;
  try {
    const Json json = luxtorch::io::parse_json(line);
    if (!json.as<JsonObject>()) throw JsonFault{"", "an object", describe(json)};
    const auto kind = text(json, "kind");
    bool known = true;
    if (kind == "start") {
      add_start(log, json);
    } else if (kind == "step") {
      add_step(log, json);
    } else if (kind == "epoch") {
      add_epoch(log, json);
    } else if (kind == "text") {
      add_text(log, json);
    } else if (kind == "end") {
      add_end(log, json);
    } else if (kind.empty()) {
      throw JsonFault{"kind", "a kind of line", "none"};
    } else {
      known = false;  // of a later version
    }
    if (known) ++log.known;
    add_time(log, number(json, "time"), kind == "start");
  } catch (const JsonFault& fault) {
    complain(log, (fault.place.empty() ? "" : fault.place + ": ") + "expected " + fault.expected +
                      ", got " + fault.got);
  }
}

void add_too_long_line(RunLog& log) {
  ++log.lines;
  complain(log, "expected a shorter line, got one of more than 8 MB");
}

std::string cut_text(std::string_view text, size_t most) {
  if (text.size() <= most) return std::string(text);
  // The bytes that continue a character of UTF-8.
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0U) == 0x80U) --most;
  return std::string(text.substr(0, most)) + "…";
}
