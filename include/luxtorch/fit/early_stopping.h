// EarlyStopping: ends a run of fit when a metric does not improve any more.
//
//     EarlyStopping stopping{.monitor = "validation_accuracy", .better = Better::higher, .patience = 5};
//     fit(ts, objective, train, {.epochs = 100, .validation = &valid, .callbacks = {std::ref(stopping)}});
//     std::cout << stopping.progress.best_epoch << "\n";       // its parameters are in ts
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "luxtorch/core/api.h"
#include "luxtorch/fit/better.h"
#include "luxtorch/fit/event.h"
#include "luxtorch/tree.h"

namespace luxtorch {

/// How far an EarlyStopping is.
struct EarlyStoppingProgress {
  std::optional<double> best =
      {};                  ///< The best value of the metric so far; nothing before the first one.
  int64_t best_epoch = 0;  ///< The epoch after which it had that value.
  int64_t waited = 0;      ///< Epochs with a value, since the best one.
  bool stopped = false;    ///< Whether it has ended the run.
  Tree parameters = {};    ///< TrainState::parameters() of the best epoch, with restore_best.
  Tree states = {};        ///< TrainState::states() of the best epoch, with restore_best.
};

/// Ends a run after `patience` epochs without a better value of a metric (Keras' EarlyStopping). Epochs without
/// a value, since there was no validation, do not count.
///
/// A checkpoint keeps its progress, the best parameters too. A run that it had ended ends again, with the same
/// parameters, when it is resumed; with a larger patience it goes on.
struct LUXTORCH_API EarlyStopping {
  std::string monitor = "validation_loss";  ///< A name of Event::metrics.
  Better better = Better::lower;            ///< Which of its values are better.
  int64_t patience = 5;  ///< Epochs without a better value, at least 0; 0 ends the run as 1 does.
  double min_delta =
      0;  ///< A value is better if it is so by more than this; finite and at least 0.
  /// Whether ts gets the parameters and states of the best epoch, bit for bit, when the run is at its end: when this
  /// callback or the last epoch ends it. A run that anything else ends (an error, Event::stop elsewhere, a signal)
  /// keeps its last ones, so that it can go on. The optimizer's state stays that of the last step.
  bool restore_best = true;
  EarlyStoppingProgress progress =
      {};  ///< Where it stands. std::ref lets a program read it after the run.

  void on_resume(Event&) { progress = {}; }  ///< Each run begins anew, or as its checkpoint says.
  void on_start(Event& event);               ///< ArgumentError: an option out of its range.
  void on_epoch(Event& event);               ///< Compares. ArgumentError: no metric of this name.
  void on_end(Event& event);                 ///< Restores the best parameters.
  Tree state() const;                        ///< The progress.
  /// Takes over what state() gave. TreeError: another tree.
  void set_state_(const Tree& state);
};

}  // namespace luxtorch
