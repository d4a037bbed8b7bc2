// Event: what callbacks of fit get.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "luxtorch/checkpoint/checkpoint.h"
#include "luxtorch/core/api.h"
#include "luxtorch/group.h"
#include "luxtorch/train/train_state.h"
#include "luxtorch/tree.h"

namespace luxtorch {

/// What fit returns: a named tree with a vector (epochs) for each column. "epoch" and "step" are int64,
/// all others float64: "loss", the mean over the epoch; "validation_loss"; each metric by its name, with
/// "validation_" or, of the training data, without; "lr", "seconds" since the start without the time before
/// a resume, "samples_per_second" of the training part. A metric whose value has dimensions (...) is
/// (epochs, ...). Epochs without a validation have NaN. Without an epoch there are no columns.
struct History : Tree {
  /// From the columns.
  explicit History(Tree columns = named({}), std::string reason = "")
      : Tree(std::move(columns)), stop_reason(std::move(reason)) {}
  /// Why the run was to end: what Event::stop was given, or the signal that came. Empty: it ran through.
  std::string stop_reason;
};

namespace detail {
class FitRun;
}

/// How a run of fit stands. The library makes it; callbacks read it, and change the TrainState between steps.
class LUXTORCH_API Event {
 public:
  TrainState& ts;  ///< What is trained.
  int64_t epoch =
      0;  ///< Of the step or epoch that has just ended, from 1; in on_start the number done before.
  int64_t epochs = 0;      ///< How many there will be.
  int64_t batch = 0;       ///< In on_step: of this epoch, from 1. In on_end: 0 after whole epochs.
  int64_t batches = 0;     ///< In an epoch.
  int64_t first_step = 0;  ///< ts.step when the run began, after a resume.
  double seconds = 0;      ///< Since the run began.
  double samples_per_second = 0;  ///< Of the training part of this epoch.
  /// The values of the last whole epoch, without "epoch" and "step": {"loss", "validation_loss", ...}, 0-dim
  /// tensors, float64, or as the metrics give them. named({}) before the first one.
  Tree metrics = named({});

  /// on_step: the loss of this batch, which waits for its device. on_epoch and on_end: the mean of the last whole
  /// epoch. NaN before.
  double loss() const;
  /// For on_step: those of this step (TrainStep::grads). Else nothing.
  const Tree& gradients() const;
  /// One of the metrics as a number: event.metric("validation_loss"). ArgumentError: there is none of this
  /// name (the text lists those that there are), or it has dimensions.
  double metric(std::string_view name) const;
  /// The learning rate of the next step: of the optimizer's first rule that has one, as its schedule says;
  /// NaN where there is none. on_epoch: that of the history, though a callback before has changed it.
  double learning_rate() const;
  /// The epochs so far.
  History history() const;
  /// Number of observations in a whole batch, as the loader says.
  int64_t batch_size() const;
  /// Whether the run has validation data. Metrics of an epoch without a validation (FitOptions::validate_every) have no
  /// "validation_loss".
  bool validates() const;
  /// The processes that train together (TrainStateOptions::group).
  const Group& group() const;

  /// Ends the run after this step or epoch; validation does not run any more within an epoch. All callbacks
  /// get on_end. reason: one sentence; the first one counts. In a group the others follow at the latest 16 steps
  /// later, and at the end of an epoch.
  void stop(std::string reason);
  /// What stop was given; empty where it was not called.
  const std::string& stop_reason() const;
  /// Whether an exception ends the run. For on_end.
  bool failed() const;
  /// Whether restore_ has been called: the run goes on from a checkpoint.
  bool restored() const;
  /// Hands a line for people to the callbacks that print or log (on_note): "lr reduced to 0.001".
  void note(const std::string& text);

  /// What a checkpoint needs besides ts so that fit goes on bit for bit: in values {"fit"}, with the progress,
  /// metrics, history and the states of the callbacks; in data the loader's position. Over a group all
  /// processes call it, and get the states of the training metrics of all.
  CheckpointExtras extras() const;
  /// Continues from such a checkpoint; for on_resume. Errors as of Checkpoint::restore_ and
  /// DataLoader::set_position_, and an ArgumentError for a checkpoint that no fit has saved.
  void restore_(const Checkpoint& checkpoint);

 private:
  friend class detail::FitRun;
  Event(TrainState& state, detail::FitRun& run) : ts(state), run_(run) {}
  detail::FitRun& run_;
};

}  // namespace luxtorch
