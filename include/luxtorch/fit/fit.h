// fit: trains over epochs, with validation, metrics and callbacks.
//
//     TrainState ts(model, ps, st, Adam(1e-2));
//     auto history = fit(ts, BinaryCrossEntropyLoss{.logits = true}, train,
//                        {.epochs = 25,
//                         .validation = &valid,
//                         .metrics = {{"accuracy", metrics::Accuracy{.threshold = 0}}},
//                         .callbacks = {Console(), EarlyStopping{.patience = 5}, CheckpointFolder("runs/a")}});
//     history["validation_accuracy"].tensor();      // (epochs)
//
// It is a loop around single_train_step_, of the same numbers bit for bit, and keeps nothing outside of ts, the loader
// and its callbacks. With a CheckpointFolder among these a run that was killed goes on where it stopped.
//
// An epoch: a step for each batch of the loader; flush_gradients_; then, in test mode and without a graph, the
// objective and the metrics on the validation data.
//
// Over a group (TrainStateOptions::group) each process calls fit with its part of the data; losses and metrics are those
// of all parts, and callbacks that print or write files run on rank 0.
#pragma once

#include <cstdint>
#include <vector>

#include "luxtorch/autodiff/objective.h"
#include "luxtorch/core/api.h"
#include "luxtorch/data/dataloader.h"
#include "luxtorch/fit/callback.h"
#include "luxtorch/fit/event.h"
#include "luxtorch/fit/metric.h"
#include "luxtorch/train/train_state.h"

namespace luxtorch {

/// Options of fit.
struct FitOptions {
  int64_t epochs = 1;  ///< In all, those before a resume too; at least 0.
  /// Data for validation, or none. Not copied. Its batches are those of its epoch 0, each time.
  const data::DataLoader* validation = nullptr;
  int64_t validate_every =
      1;  ///< Epochs between validations, at least 1; after the last epoch there is one in any case.
  /// Computed on the validation data. They see the output of the model that the objective calls: its last call,
  /// if there are several. Batches are (x, y) or (x, y, mask).
  std::vector<Metric> metrics = {};
  /// Whether the metrics are computed on the training data too, from the outputs of the training steps.
  bool training_metrics = false;
  std::vector<Callback> callbacks = {};  ///< Called in this order.
  /// Whether SIGINT (Ctrl-C) and SIGTERM end the run after the present step, so that callbacks save
  /// and close their files; a second signal ends the process at once. The handlers from before are back when
  /// fit returns.
  bool signals = true;
};

/// Trains ts (Keras' fit). train: its position moves on. The loss of an epoch is the mean of its steps' losses, weighted
/// by the observations of the whole batches.
///
/// ArgumentError: options out of range, two metrics of one name, a callback that threw; with a group another number of
/// epochs or batches on one of its processes. What a step throws (single_train_step_), fit throws after all
/// callbacks had on_end; ts is as it was before that step.
LUXTORCH_API History fit(TrainState& ts, const Objective& objective, data::DataLoader& train,
                         FitOptions options = {});

/// The loss and the metrics on data, in test mode and without a graph (Keras' evaluate): a named tree of 0-dim
/// float64 tensors, "loss" and each metric, or as a metric gives it. The loss is the mean over the observations. With
/// a group those of all parts.
LUXTORCH_API Tree evaluate(const TrainState& ts, const Objective& objective,
                           const data::DataLoader& data, const std::vector<Metric>& metrics = {});

}  // namespace luxtorch
