#include "luxtorch/fit/tensorboard.h"

#include <fmt/format.h>

#include <optional>

#include "fit/epoch_values.h"
#include "fit/lost_rows.h"
#include "fit/run_settings.h"
#include "luxtorch/core/error.h"
#include "luxtorch/fit/tensorboard_writer.h"
#include "luxtorch/layer.h"

namespace luxtorch {

namespace detail {

class TensorBoardRun {
 public:
  TensorBoardRun(std::filesystem::path folder, TensorBoardOptions options)
      : folder_(std::move(folder)), options_(std::move(options)) {}

  void begin_(Event& event);
  void add_step_(Event& event);
  void add_epoch_(Event& event);
  void add_note_(Event& event, const std::string& text);
  void end_(Event& event);

 private:
  void check_(Event& event, bool written);

  std::filesystem::path folder_;
  TensorBoardOptions options_;
  std::optional<TensorBoardWriter> writer_;
  double next_ = 0;  // Event::seconds of the next point of step/loss
  LostRows lost_{"TensorBoard", "points"};
};

namespace {

/// Text as it is, for Markdown.
std::string verbatim(std::string_view text) {
  std::string all = "    ";
  for (const char c : text) {
    all += c;
    if (c == '\n') all += "    ";
  }
  return all;
}

std::string table_of(const Tree& settings) {
  std::string rows = "| setting | value |\n|---|---|\n";
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        const auto value = leaf.is_string()  ? leaf.scalar<std::string>()
                           : leaf.is<bool>() ? std::string(leaf.scalar<bool>() ? "true" : "false")
                           : leaf.is<int64_t>() ? std::to_string(leaf.scalar<int64_t>())
                                                : exact_text(leaf.scalar<double>());
        rows += fmt::format("| {} | {} |\n", path, value);
      },
      settings);
  return rows;
}

}  // namespace

void TensorBoardRun::check_(Event& event, bool written) {
  if (!written) lost_.say_(event, writer_->path(), writer_->error());
}

void TensorBoardRun::begin_(Event& event) {
  lost_.begin_();
  next_ = event.seconds;
  const auto step = event.first_step;
  try {
    writer_.emplace(folder_, TensorBoardWriterOptions{.purge_step = step == 0 ? 0 : step + 1});
  } catch (const ArgumentError& error) {
    writer_.reset();
    return lost_.say_(event, folder_, error.message());
  }
  std::vector<std::string> metrics;
  for (const auto& name : options_.hparam_metrics) metrics.push_back("epoch/" + name);
  check_(event, writer_->text("run/model", verbatim(show(event.ts.model)), step));
  check_(event, writer_->text("run/optimizer", verbatim(event.ts.optimizer().label()), step));
  if (options_.settings.size() == 0) return;
  check_(event, writer_->text("run/settings", table_of(options_.settings), step));
  check_(event, writer_->hparams(options_.settings, metrics));
}

void TensorBoardRun::add_step_(Event& event) {
  if (!writer_) return;
  const bool counted = options_.every > 0 && event.ts.step % options_.every == 0;
  if (event.seconds < next_ && !counted) return;
  next_ = event.seconds + options_.seconds;
  check_(event, writer_->scalar("step/loss", event.loss(), event.ts.step));
}

void TensorBoardRun::add_epoch_(Event& event) {
  if (!writer_) return;
  const auto step = event.ts.step;
  for (const auto& [name, value] : epoch_values(event).numbers)
    check_(event, writer_->scalar("epoch/" + name, value, step));
  check_(event, writer_->scalar("epoch/lr", event.learning_rate(), step));
  check_(event, writer_->scalar("epoch/samples_per_second", event.samples_per_second, step));
  if (options_.histograms == 0 || event.epoch % options_.histograms != 0) return;
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        if (leaf.is_tensor())
          check_(event, writer_->histogram("parameters/" + path, leaf.tensor(), step));
      },
      event.ts.parameters());
}

void TensorBoardRun::add_note_(Event& event, const std::string& text) {
  if (writer_) check_(event, writer_->text("run/notes", text, event.ts.step));
}

void TensorBoardRun::end_(Event& event) {
  if (writer_ && options_.settings.size() > 0) check_(event, writer_->hparams_end(!event.failed()));
}

}  // namespace detail

TensorBoard::TensorBoard(std::filesystem::path folder, TensorBoardOptions options) {
  const auto refuse = [](const std::string& text) { throw ArgumentError("TensorBoard", text); };
  if (folder.empty()) refuse("expected the path of a folder, got an empty one.");
  if (!(options.seconds >= 0))
    refuse(fmt::format("expected .seconds of at least 0, got {}.", options.seconds));
  if (options.every < 0)
    refuse(fmt::format("expected .every of at least 0, got {}.", options.every));
  if (options.histograms < 0)
    refuse(fmt::format("expected .histograms of at least 0, got {}.", options.histograms));
  detail::check_settings("TensorBoard", options.settings);
  run_ = std::make_shared<detail::TensorBoardRun>(std::move(folder), std::move(options));
}

void TensorBoard::on_start(Event& event) { run_->begin_(event); }
void TensorBoard::on_step(Event& event) { run_->add_step_(event); }
void TensorBoard::on_epoch(Event& event) { run_->add_epoch_(event); }
void TensorBoard::on_note(Event& event, const std::string& text) { run_->add_note_(event, text); }
void TensorBoard::on_end(Event& event) { run_->end_(event); }

}  // namespace luxtorch
