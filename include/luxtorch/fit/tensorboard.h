// TensorBoard: the curves of a run for TensorBoard.
//
//     Tree settings = named({{"lr", 1e-2}, {"hidden", 64}});
//     fit(ts, objective, train,
//         {.epochs = 25, .callbacks = {TensorBoard("runs/a", {.histograms = 5, .settings = settings})}});
//
// Then `tensorboard --logdir runs`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/fit/event.h"
#include "luxtorch/tree.h"

namespace luxtorch {

namespace detail {
class TensorBoardRun;
}

/// Options of TensorBoard.
struct TensorBoardOptions {
  double seconds =
      1;  ///< At least so many seconds are between two points of step/loss; 0: a point for each step.
  /// Where it is above 0, every so many steps have a point, whatever the time.
  int64_t every = 0;
  int64_t histograms = 0;  ///< Epochs between histograms of all parameters; 0: none.
  /// What distinguishes this run from others, for the HParams tab: a named tree of numbers, strings and bools.
  Tree settings = named({});
  /// The columns of the HParams tab besides the settings: names as in the history.
  std::vector<std::string> hparam_metrics = {"loss", "validation_loss"};
};

/// Writes for TensorBoard (Keras' and Lightning's callbacks do the same), against the step:
///
/// - step/loss: the loss of single steps, at a limited rate;
/// - epoch/NAME: each 0-dim metric of the history, epoch/lr and epoch/samples_per_second, after each epoch;
/// - texts: run/model, run/optimizer and run/settings at the start, run/notes for each Event::note;
/// - histograms of the parameters, parameters/PATH;
/// - a row of the HParams tab, which says whether the run ended without an error.
///
/// Values are the history's, rounded to float32, since TensorBoard's scalars are. A resumed run writes a new file, and
/// readers forget what earlier ones have beyond the step at which it begins; a run from step 0 replaces
/// what the folder's earlier files show. Where the folder cannot be written the run goes on; Event::note says so once,
/// and points are missing for as long as that lasts; texts are written later. Copies write the same file.
class LUXTORCH_API TensorBoard {
 public:
  static constexpr bool root_only = true;  ///< Rank 0 of a group writes.

  /// folder: of this run; it is made where it is missing. ArgumentError: an empty path, options out of range, a
  /// settings tree with other leaves.
  explicit TensorBoard(std::filesystem::path folder, TensorBoardOptions options = {});

  void on_resume(Event& event);  ///< A run has a file of its own.
  void on_start(Event& event);   ///< Makes the file, and writes the texts.
  void on_step(Event& event);    ///< Writes a point of step/loss, where one is due.
  void on_epoch(Event& event);   ///< Writes the curves and histograms.
  void on_note(Event& event, const std::string& text);  ///< Writes the text.
  void on_end(Event& event);                            ///< Ends the row of the HParams tab.

 private:
  std::shared_ptr<detail::TensorBoardRun> run_;
};

}  // namespace luxtorch
