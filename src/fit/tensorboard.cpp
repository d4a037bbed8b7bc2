#include "luxtorch/fit/tensorboard.h"

#include <fmt/format.h>

#include <functional>
#include <optional>
#include <utility>
#include <vector>

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

  void renew_();
  void begin_(Event& event);
  void add_step_(Event& event);
  void add_epoch_(Event& event);
  void add_note_(Event& event, const std::string& text);
  void end_(Event& event);

 private:
  /// Writes something; false where the disk does not take it.
  using Record = std::function<bool(const TensorBoardWriter& board)>;
  bool open_(Event& event);
  void write_(Event& event, const Record& record);
  void write_pending_(Event& event);

  std::filesystem::path folder_;
  TensorBoardOptions options_;
  std::optional<TensorBoardWriter> writer_;
  bool begun_ = false;           // whether the step is known from which on the file counts
  std::vector<Record> pending_;  // texts, until the file has them
  double next_ = 0;              // Event::seconds of the next point of step/loss
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

void TensorBoardRun::renew_() {
  writer_.reset();
  begun_ = false;
  pending_.clear();
}

// The file, which may be made later than the run begins.
bool TensorBoardRun::open_(Event& event) {
  if (writer_) return true;
  if (!begun_) return false;
  const auto step = event.first_step;
  try {
    writer_.emplace(folder_, TensorBoardWriterOptions{.purge_step = step == 0 ? 0 : step + 1});
  } catch (const ArgumentError& error) {
    lost_.say_(event, folder_, error.message());
    return false;
  }
  return true;
}

void TensorBoardRun::write_pending_(Event& event) {
  if (pending_.empty() || !open_(event)) return;
  for (auto& record : std::exchange(pending_, {}))
    if (!record(*writer_)) pending_.push_back(std::move(record));
  if (!pending_.empty()) lost_.say_(event, writer_->path(), writer_->error());
}

void TensorBoardRun::write_(Event& event, const Record& record) {
  write_pending_(event);
  if (open_(event) && !record(*writer_)) lost_.say_(event, writer_->path(), writer_->error());
}

void TensorBoardRun::begin_(Event& event) {
  lost_.begin_();
  next_ = event.seconds;
  begun_ = true;
  const auto text = [&](std::string tag, std::string markdown) {
    pending_.emplace_back([=, step = event.first_step](const TensorBoardWriter& board) {
      return board.text(tag, markdown, step);
    });
  };
  text("run/model", verbatim(show(event.ts.model)));
  text("run/optimizer", verbatim(event.ts.optimizer().label()));
  if (options_.settings.size() > 0) {
    text("run/settings", table_of(options_.settings));
    std::vector<std::string> metrics;
    for (const auto& name : options_.hparam_metrics) metrics.push_back("epoch/" + name);
    pending_.emplace_back([settings = options_.settings, metrics](const TensorBoardWriter& board) {
      return board.hparams(settings, metrics);
    });
  }
  write_pending_(event);
}

void TensorBoardRun::add_step_(Event& event) {
  const bool counted = options_.every > 0 && event.ts.step % options_.every == 0;
  if (event.seconds < next_ && !counted) return;
  next_ = event.seconds + options_.seconds;
  write_(event, [&](const TensorBoardWriter& board) {
    return board.scalar("step/loss", event.loss(), event.ts.step);
  });
}

void TensorBoardRun::add_epoch_(Event& event) {
  const auto step = event.ts.step;
  const auto point = [&](const std::string& name, double value) {
    write_(event, [&](const TensorBoardWriter& board) {
      return board.scalar("epoch/" + name, value, step);
    });
  };
  for (const auto& [name, value] : epoch_values(event).numbers) point(name, value);
  point("lr", event.learning_rate());
  point("samples_per_second", event.samples_per_second);
  if (options_.histograms == 0 || event.epoch % options_.histograms != 0) return;
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        if (!leaf.is_tensor()) return;
        write_(event, [&](const TensorBoardWriter& board) {
          return board.histogram("parameters/" + path, leaf.tensor(), step);
        });
      },
      event.ts.parameters());
}

void TensorBoardRun::add_note_(Event& event, const std::string& text) {
  pending_.emplace_back([text, step = event.ts.step](const TensorBoardWriter& board) {
    return board.text("run/notes", text, step);
  });
  write_pending_(event);
}

void TensorBoardRun::end_(Event& event) {
  if (options_.settings.size() == 0) return;
  const bool success = !event.failed();
  write_(event, [=](const TensorBoardWriter& board) { return board.hparams_end(success); });
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

void TensorBoard::on_resume(Event&) { run_->renew_(); }
void TensorBoard::on_start(Event& event) { run_->begin_(event); }
void TensorBoard::on_step(Event& event) { run_->add_step_(event); }
void TensorBoard::on_epoch(Event& event) { run_->add_epoch_(event); }
void TensorBoard::on_note(Event& event, const std::string& text) { run_->add_note_(event, text); }
void TensorBoard::on_end(Event& event) { run_->end_(event); }

}  // namespace luxtorch
