#include "luxtorch/fit/console.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <iostream>
#include <limits>

#include "fit/console_text.h"
#include "fit/epoch_values.h"
#include "fit/terminal_text.h"
#include "luxtorch/core/error.h"
#include "luxtorch/train/progress.h"

namespace luxtorch {

namespace detail {

namespace {

constexpr double kBetweenBars = 0.1;  // seconds
constexpr int64_t kUsualWidth = 80;

/// The columns of the terminal that a stream writes to.
int64_t terminal_columns(const std::ostream& out) {
  winsize size{};
  const int descriptor = &out == &std::cout ? STDOUT_FILENO : STDERR_FILENO;
  return ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsualWidth;
}

}  // namespace

class ConsoleRun {
 public:
  ConsoleRun(std::ostream& out, ConsoleOptions options)
      : out_(out),
        options_(std::move(options)),
        terminal_(options_.terminal.value_or(is_terminal(out))),
        look_{.width = 0,
              .utf8 = options_.utf8.value_or(locale_is_utf8()),
              .color = options_.color.value_or(color_is_wanted(terminal_))} {}

  void begin_(Event& event);
  void add_step_(Event& event) {
    last_step_seconds_ = event.seconds;
    if (event.seconds >= next_) show_(event);
  }
  void add_epoch_(Event& event);
  void add_note_(const std::string& text) { print_(shown_text(text, look_.utf8) + "\n"); }
  void end_(Event& event);

 private:
  void show_(Event& event);
  void print_(const std::string& lines);
  bool is_best_(const std::vector<std::pair<std::string, double>>& values, int64_t epoch);
  double seconds_left(const Event& event, int64_t done) const;
  void begin_epoch_(const Event& event);

  std::ostream& out_;
  ConsoleOptions options_;
  bool terminal_;
  ConsoleLook look_;
  ConsoleTable table_;
  size_t drawn_ = 0;  // columns of the bar on the line

  double next_ = 0;  // Event::seconds of the next bar or line of a step
  double start_seconds_ = 0, epoch_seconds_ = 0, last_step_seconds_ = 0;
  int64_t epoch_step_ = 0;  // ts.step when the epoch began

  std::string monitor_;
  double best_ = 0;
  int64_t best_epoch_ = 0;  // 0: none
};

void ConsoleRun::print_(const std::string& lines) {
  if (drawn_ > 0) out_ << '\r' << std::string(drawn_, ' ') << '\r';
  drawn_ = 0;
  out_ << lines << std::flush;
}

bool ConsoleRun::is_best_(const std::vector<std::pair<std::string, double>>& values,
                          int64_t epoch) {
  bool found = false, validated = false;
  for (const auto& [name, value] : values) validated |= name == "validation_loss";
  auto monitor = options_.monitor;
  if (monitor.empty())
    monitor = validated || monitor_ == "validation_loss" ? "validation_loss" : "loss";
  if (monitor != monitor_) best_epoch_ = 0;
  monitor_ = monitor;
  for (const auto& [name, value] : values) {
    if (name != monitor_ || std::isnan(value)) continue;
    found = best_epoch_ == 0 || (options_.better == Better::lower ? value < best_ : value > best_);
    if (found) best_ = value;
    if (found) best_epoch_ = epoch;
  }
  return found;
}

void ConsoleRun::begin_epoch_(const Event& event) {
  epoch_seconds_ = last_step_seconds_ = event.seconds;
  epoch_step_ = event.ts.step;
  next_ = event.seconds + (terminal_ ? kBetweenBars : options_.seconds);
  if (!terminal_ && options_.seconds == 0) next_ = std::numeric_limits<double>::infinity();
}

void ConsoleRun::begin_(Event& event) {
  table_ = {};
  monitor_.clear();
  best_epoch_ = 0;
  start_seconds_ = event.seconds;
  begin_epoch_(event);
  const auto history = event.history();
  for (int64_t row = 0; row < event.epoch; ++row) {
    std::vector<std::pair<std::string, double>> values;
    for (const auto& [name, column] : history)
      if (column.tensor().dim() == 1)
        values.emplace_back(name, column.tensor()[row].item<double>());
    is_best_(values, row + 1);
  }
}

// done: batches of all epochs so far.
double ConsoleRun::seconds_left(const Event& event, int64_t done) const {
  const auto here = event.ts.step - event.first_step;
  if (here <= 0) return -1;
  return (event.seconds - start_seconds_) / static_cast<double>(here) *
         static_cast<double>(event.epochs * event.batches - done);
}

void ConsoleRun::show_(Event& event) {
  next_ = event.seconds + (terminal_ ? kBetweenBars : options_.seconds);
  const ConsoleStep step{
      .epoch = event.epoch,
      .epochs = event.epochs,
      .batch = event.batch,
      .batches = event.batches,
      .loss = event.loss(),
      .samples_per_second = event.samples_per_second,
      .seconds_left = seconds_left(event, (event.epoch - 1) * event.batches + event.batch)};
  if (!terminal_) return print_(console_step(step));
  look_.width = options_.width > 0 ? options_.width : terminal_columns(out_);
  const auto bar = console_bar(step, look_);
  const auto columns = columns_of(bar);
  out_ << '\r' << bar << std::string(drawn_ > columns ? drawn_ - columns : 0, ' ') << std::flush;
  drawn_ = std::max(columns, drawn_);
}

void ConsoleRun::add_epoch_(Event& event) {
  look_.width = options_.width > 0 ? options_.width : terminal_ ? terminal_columns(out_) : 0;
  const auto values = epoch_values(event).numbers;
  const auto steps = std::max<int64_t>(event.ts.step - epoch_step_, 1);
  print_(table_.lines_(
      {.epoch = event.epoch,
       .epochs = event.epochs,
       .values = values,
       .samples_per_second = event.samples_per_second,
       .ms_per_step = 1000 * (last_step_seconds_ - epoch_seconds_) / static_cast<double>(steps),
       .seconds_left =
           event.epoch < event.epochs ? seconds_left(event, event.epoch * event.batches) : -1,
       .best = is_best_(values, event.epoch)},
      look_));
  begin_epoch_(event);
}

void ConsoleRun::end_(Event& event) {
  std::string text;
  if (!event.stop_reason().empty())
    text = colored(fmt::format("{} in epoch {} of {}, at step {}: {}",
                               event.failed() ? "ended by an error" : "stopped", event.epoch,
                               event.epochs, event.ts.step,
                               shown_text(event.stop_reason(), look_.utf8)),
                   event.failed() ? "31" : "33", look_) +
           "\n";
  text += fmt::format("{} steps in {}", event.ts.step - event.first_step,
                      console_duration(event.seconds - start_seconds_));
  if (best_epoch_ > 0)
    text += fmt::format(", best {} {} in epoch {}", monitor_, console_number(best_), best_epoch_);
  else if (!options_.monitor.empty())
    text += fmt::format(", no epoch has {}", options_.monitor);
  print_(text + "\n");
}

}  // namespace detail

Console::Console(ConsoleOptions options) : Console(std::cout, std::move(options)) {}

Console::Console(std::ostream& out, ConsoleOptions options) {
  const auto refuse = [](const std::string& text) { throw ArgumentError("Console", text); };
  if (!(options.seconds >= 0))
    refuse(fmt::format("expected .seconds of at least 0, got {}.", options.seconds));
  if (options.width < 0)
    refuse(fmt::format("expected .width of at least 0, got {}.", options.width));
  run_ = std::make_shared<detail::ConsoleRun>(out, std::move(options));
}

void Console::on_start(Event& event) { run_->begin_(event); }
void Console::on_step(Event& event) { run_->add_step_(event); }
void Console::on_epoch(Event& event) { run_->add_epoch_(event); }
void Console::on_note(Event&, const std::string& text) { run_->add_note_(text); }
void Console::on_end(Event& event) { run_->end_(event); }

}  // namespace luxtorch
