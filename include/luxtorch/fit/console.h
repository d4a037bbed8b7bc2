// Console: a run of fit in lines of text.
//
//     fit(ts, objective, train, {.epochs = 25, .validation = &valid, .callbacks = {Console()}});
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>

#include "luxtorch/core/api.h"
#include "luxtorch/fit/better.h"
#include "luxtorch/fit/event.h"

namespace luxtorch {

namespace detail {
class ConsoleRun;
}

/// Options of a Console.
struct ConsoleOptions {
  std::string monitor =
      "";  ///< The metric whose best epochs get a mark; "": validation_loss where there is one, else loss.
  Better better = Better::lower;  ///< Which of its values are better.
  /// Where the output is no terminal: seconds between lines within an epoch; 0: none.
  double seconds = 10;
  std::optional<bool> terminal =
      {};  ///< Whether there is a bar. Not set: where the stream is a terminal.
  std::optional<bool> color =
      {};  ///< Not set: on a terminal, unless NO_COLOR is set or TERM is "dumb".
  std::optional<bool> utf8 = {};  ///< Not set: as LC_ALL, LC_CTYPE or LANG says.
  int64_t width =
      0;  ///< Columns of text in a line; 0: those of the terminal, elsewhere any number.
};

/// Prints a line after each epoch, aligned: the epoch, the loss and the 0-dim metrics with 4 digits ("val_" is short for
/// "validation_"), samples per second and milliseconds per step of the training part, the time left, and a mark
/// on the best epoch so far. While an epoch runs a terminal shows a bar; another output gets a line every so many seconds.
/// Notes of other callbacks are lines of their own. The end says why the run ended, and which epoch was the best.
///
///     epoch       loss   val_loss  samples/s    ms/step       left
///      1/25     0.6931     0.6543     12.31k      5.200       0:42  *
///      2/25     0.6310     0.6601     12.40k      5.160       0:40
///
/// Where a line is too long, columns are left out in this order: samples/s, ms/step, left, metrics of the training data
/// from the last one, metrics of the validation from the last one. epoch and loss stay.
///
/// A step for which nothing is due costs a comparison. Copies print the same run.
class LUXTORCH_API Console {
 public:
  static constexpr bool root_only = true;  ///< Rank 0 of a group prints.

  /// Prints to std::cout. ArgumentError: options out of range.
  explicit Console(ConsoleOptions options = {});
  /// out: any stream, which must live longer than the run.
  explicit Console(std::ostream& out, ConsoleOptions options = {});

  void on_start(Event& event);  ///< Looks for the best epoch before a resume.
  void on_step(Event& event);   ///< Draws the bar or prints a line, where one is due.
  void on_epoch(Event& event);  ///< Prints the epoch.
  void on_note(Event& event, const std::string& text);  ///< Prints the text.
  void on_end(Event& event);                            ///< Prints how the run ended.

 private:
  std::shared_ptr<detail::ConsoleRun> run_;
};

}  // namespace luxtorch
