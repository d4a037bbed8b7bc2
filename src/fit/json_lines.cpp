#include "luxtorch/fit/json_lines.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <torch/version.h>

#include "fit/append_file.h"
#include "fit/epoch_values.h"
#include "fit/json_line.h"
#include "fit/lost_rows.h"
#include "fit/run_facts.h"
#include "fit/run_settings.h"
#include "io/base/json.h"
#include "luxtorch/core/error.h"
#include "luxtorch/layer.h"
#include "luxtorch/version.h"

namespace luxtorch {

namespace detail {

class JsonLinesFile {
 public:
  JsonLinesFile(std::filesystem::path path, JsonLinesOptions options)
      : path_(std::move(path)), options_(std::move(options)) {}

  void begin_(Event& event);
  void add_step_(Event& event);
  void append_(Event& event, const JsonLine& line);
  void end_(Event& event);

 private:
  void append_(Event& event, const std::string& line);
  JsonLine start(const Event& event) const;

  std::filesystem::path path_;
  JsonLinesOptions options_;
  AppendFile file_;
  std::string pending_;  // the start, until the file has it
  bool ended_ = false;   // what notes come now are of other callbacks' on_end
  double next_ = 0;      // Event::seconds of the next line of a step
  LostRows lost_{"JsonLines", "lines"};
};

namespace {

JsonLine line_of(const char* kind) {
  JsonLine line;
  line.text("kind", kind).number("time", unix_time());
  return line;
}

}  // namespace

// Without their start, lines would belong to the run before.
void JsonLinesFile::append_(Event& event, const std::string& line) {
  const bool open = file_.is_open() || file_.open_(path_, AppendFile::Kind::lines);
  if (open && file_.append_(pending_ + line)) {
    pending_.clear();
  } else {
    lost_.say_(event, path_, file_.error());
  }
  if (ended_) file_.close_();
}

void JsonLinesFile::append_(Event& event, const JsonLine& line) { append_(event, line.line()); }

JsonLine JsonLinesFile::start(const Event& event) const {
  auto line = line_of("start");
  line.integer("step", event.first_step)
      .integer("epoch", event.epoch)
      .integer("epochs", event.epochs)
      .integer("batches", event.batches)
      .text("model", show(event.ts.model))
      .integer("parameters", count_parameters(event.ts))
      .text("optimizer", event.ts.optimizer().label())
      .json("hyperparameters", flat_json(hyperparameters_of(event.ts.optimizer())))
      .json("settings", flat_json(options_.settings))
      .text("luxtorch", version())
      .text("torch", TORCH_VERSION)
      .text("host", host_name())
      .text("command", command_line())
      .integer("threads", at::get_num_threads())
      .integer("processes", event.group().size());
  if (!options_.summary.empty()) line.json("summary", options_.summary);
  return line;
}

void JsonLinesFile::begin_(Event& event) {
  lost_.begin_();
  ended_ = false;
  next_ = event.seconds;
  pending_ = start(event).line();
  append_(event, "");
}

void JsonLinesFile::add_step_(Event& event) {
  const bool counted = options_.every > 0 && event.ts.step % options_.every == 0;
  if (event.seconds < next_ && !counted) return;
  next_ = event.seconds + options_.seconds;
  auto line = line_of("step");
  line.integer("step", event.ts.step)
      .integer("epoch", event.epoch)
      .integer("batch", event.batch)
      .number("loss", event.loss())
      .number("lr", event.learning_rate())
      .number("samples_per_second", event.samples_per_second);
  append_(event, line);
}

void JsonLinesFile::end_(Event& event) {
  auto line = line_of("end");
  line.integer("step", event.ts.step)
      .integer("epoch", event.epoch)
      .text("reason", event.stop_reason())
      .boolean("error", event.failed());
  ended_ = true;
  append_(event, line);
}

}  // namespace detail

namespace {

void check_summary(const std::string& summary) {
  if (summary.empty()) return;
  try {
    if (io::parse_json(summary).as<io::JsonObject>() != nullptr) return;
    throw ArgumentError("JsonLines", "expected for .summary a JSON object, got another value.");
  } catch (const io::JsonFault& fault) {
    throw ArgumentError("JsonLines", "expected for .summary a JSON object, with " + fault.expected +
                                         (fault.place.empty() ? "" : " at " + fault.place) +
                                         ", got " + fault.got + ".");
  }
}

}  // namespace

JsonLines::JsonLines(std::filesystem::path path, JsonLinesOptions options) {
  if (path.empty())
    throw ArgumentError("JsonLines",
                        "expected the path of a folder or of a .jsonl file, got an empty one.");
  if (!(options.seconds >= 0))
    throw ArgumentError("JsonLines", "expected .seconds of at least 0, got " +
                                         detail::exact_text(options.seconds) + ".");
  if (options.every < 0)
    throw ArgumentError(
        "JsonLines", "expected .every of at least 0, got " + std::to_string(options.every) + ".");
  detail::check_settings("JsonLines", options.settings);
  check_summary(options.summary);
  if (path.extension() != ".jsonl") path /= "log.jsonl";
  file_ = std::make_shared<detail::JsonLinesFile>(std::move(path), std::move(options));
}

void JsonLines::on_start(Event& event) { file_->begin_(event); }

void JsonLines::on_step(Event& event) { file_->add_step_(event); }

void JsonLines::on_epoch(Event& event) {
  const auto values = detail::epoch_values(event);
  detail::JsonLine metrics;
  for (const auto& [name, value] : values.numbers) metrics.number(name, value);
  for (const auto& [name, value] : values.arrays) metrics.array(name, value);
  auto line = detail::line_of("epoch");
  line.integer("epoch", event.epoch)
      .integer("step", event.ts.step)
      .number("seconds", event.seconds)
      .json("metrics", metrics.object())
      .number("lr", event.learning_rate())
      .number("samples_per_second", event.samples_per_second);
  if (const auto bytes = detail::resident_bytes(); bytes >= 0) line.integer("memory_bytes", bytes);
  file_->append_(event, line);
}

void JsonLines::on_note(Event& event, const std::string& text) {
  auto line = detail::line_of("text");
  line.integer("step", event.ts.step).text("text", text);
  file_->append_(event, line);
}

void JsonLines::on_end(Event& event) { file_->end_(event); }

}  // namespace luxtorch
