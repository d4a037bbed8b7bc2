// What a run folder's log says: RUN/log.jsonl, which the callback JsonLines writes while it trains.
//
// One JSON object per line. What a line lacks is empty or none here; of a rate or a time, for which
// NaN means nothing else, NaN. A file is whatever somebody made of it: a line that is none of ours is
// counted and left out, and what one log may take is limited: of a longer text its first 2000 bytes
// are kept.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/base/json.h"

inline constexpr double kNotSaid = std::numeric_limits<double>::quiet_NaN();

/// What a line "start" says; of a resumed run the last of them.
struct RunStart {
  double time = kNotSaid;  // seconds since 1970, as all times
  int64_t step = 0, epoch = 0;
  std::optional<int64_t> epochs, batches, parameters, threads, processes;
  std::string model, optimizer, luxtorch, torch, host, command;
  // Numbers as text: what is compared and shown.
  std::vector<std::pair<std::string, std::string>> hyperparameters, settings;
  luxtorch::io::Json summary = {};  // null where there is none
};

struct StepLine {
  double time = kNotSaid;
  int64_t step = 0;
  std::optional<double> loss;  // NaN where the log says so
  double rate = kNotSaid, samples_per_second = kNotSaid;
};

struct EpochLine {
  double time = kNotSaid;
  int64_t epoch = 0, step = 0;
  double rate = kNotSaid, samples_per_second = kNotSaid, memory = kNotSaid;
};

struct TextLine {
  double time = kNotSaid;
  int64_t step = 0;
  std::string text;
};

struct EndLine {
  int64_t step = 0;
  std::string reason;
  bool error = false;
};

struct Metric {
  std::string name;
  // One of each of RunLog::epochs: none where the epoch lacks the metric, NaN where the log says so.
  std::vector<std::optional<double>> values;
};

struct RunLog {
  std::string unreadable;  // why the file cannot be read; "" where it can, or where there is none
  bool started = false;
  RunStart start;
  int64_t base_step = 0;        // of a state that was trained before: its steps before this run
  size_t epochs_before = 0;     // of `epochs`, those before the last start
  std::vector<StepLine> steps;  // of a long run every second, fourth, ... of them
  std::vector<EpochLine> epochs;
  std::vector<Metric> metrics;
  std::deque<TextLine> texts;  // the last ones
  std::optional<EndLine> end;

  double first_time = kNotSaid, last_time = kNotSaid;
  double seconds = 0;  // that it ran, without the time between an end and a resume
  int64_t resumes = 0;

  int64_t lines = 0, damaged = 0;
  int64_t known = 0;                  // lines of a kind that a log has
  std::vector<std::string> problems;  // "line 7: expected JSON, got something else", the first ones

  // Of which steps are kept.
  int64_t step_stride = 1, steps_seen = 0;
  bool newest_is_extra = false;
};

/// Takes the next line of a log, without its '\n', into account. A line "start" that resumes the run
/// makes everything void that came before it and is of a later step; one of another run, which
/// begins at epoch 0, makes all void. A line "epoch" makes the one before it of the same step void. Never
/// throws for what a line says.
void add_line(RunLog& log, std::string_view line);
/// Counts a line that is longer than a reader takes.
void add_too_long_line(RunLog& log);

/// The text, or its first bytes and "…" where it has more than `most`; a character is kept whole.
std::string cut_text(std::string_view text, size_t most = 2000);
