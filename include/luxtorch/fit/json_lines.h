// JsonLines: the log of a run as lines of JSON, for the programs `luxtorch watch` and `luxtorch report`.
//
//     fit(ts, objective, train,
//         {.epochs = 25,
//          .callbacks = {JsonLines("runs/a", {.settings = named({{"lr", 1e-2}, {"hidden", 64}})})}});
//
// The file is runs/a/log.jsonl.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "luxtorch/core/api.h"
#include "luxtorch/fit/event.h"
#include "luxtorch/tree.h"

namespace luxtorch {

namespace detail {
class JsonLinesFile;
}

/// Options of JsonLines.
struct JsonLinesOptions {
  /// At least so many seconds are between two lines of steps; 0: a line for each step.
  double seconds = 1;
  /// Where it is above 0, every so many steps have a line, whatever the time.
  int64_t every = 0;
  /// What distinguishes this run from others: a named tree of numbers, strings and bools, which may nest.
  Tree settings = named({});
  std::string summary = {};  ///< A summary of the model as a JSON object; "": none.
};

/// Appends lines to a log (see JsonLinesOptions for how many). Each is an object with "kind" and "time", in seconds
/// since 1970:
///
/// | kind | when | members |
/// |---|---|---|
/// | start | on_start | step and epoch, the numbers done before; epochs, batches, model, parameters, optimizer, hyperparameters, settings, luxtorch, torch, host, command, threads, processes, summary |
/// | step | at times | step, epoch, batch, loss, lr, samples_per_second |
/// | epoch | on_epoch | epoch, step, seconds, metrics, lr, samples_per_second, memory_bytes (of the process, in RAM) |
/// | text | on_note | step, text |
/// | end | on_end | step, epoch, reason (Event::stop_reason), error (Event::failed) |
///
/// "hyperparameters" are those of the optimizer's rules that follow no schedule: {"Adam.lr": 0.02, "Adam.beta1": 0.9}.
/// Numbers have the fewest digits that read back as the same double, or are the strings "NaN", "Infinity",
/// "-Infinity". Metrics with dimensions are nested arrays.
///
/// Each line is written by one call. A line that a killed process left without its end is cut off before the next
/// run appends. What comes before a "start" line and has a larger step than that is void, and so is an "epoch" before
/// another one of the same step: a run that was killed between an epoch's last step and its end does that end again.
/// Where the file cannot be written the run goes on; Event::note says so once, and lines are missing for as long as that
/// lasts. A missing "start" is written before the next line.
///
/// Copies write the same file.
class LUXTORCH_API JsonLines {
 public:
  static constexpr bool root_only = true;  ///< Rank 0 of a group writes.

  /// path: a folder, in which the file is log.jsonl, or a file that ends in .jsonl; folders that are missing are made.
  /// ArgumentError: an empty path, options out of range, a settings tree with other leaves, a summary
  /// that is no JSON object.
  explicit JsonLines(std::filesystem::path path, JsonLinesOptions options = {});

  void on_start(Event& event);                          ///< Opens the file and writes the start.
  void on_step(Event& event);                           ///< Writes a step, where one is due.
  void on_epoch(Event& event);                          ///< Writes the epoch.
  void on_note(Event& event, const std::string& text);  ///< Writes the text.
  void on_end(Event& event);                            ///< Writes the end and closes the file.

 private:
  std::shared_ptr<detail::JsonLinesFile> file_;
};

}  // namespace luxtorch
