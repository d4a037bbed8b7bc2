// ReduceOnPlateau: a learning rate that becomes smaller when a metric does not improve any more.
//
//     fit(ts, objective, train, {.epochs = 100, .validation = &valid,
//                                .callbacks = {ReduceOnPlateau{.factor = 0.5, .patience = 3}}});
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "luxtorch/core/api.h"
#include "luxtorch/fit/better.h"
#include "luxtorch/fit/event.h"
#include "luxtorch/tree.h"

namespace luxtorch {

/// How far a ReduceOnPlateau is.
struct ReduceOnPlateauProgress {
  std::optional<double> best = {};  ///< The best value of the metric so far.
  int64_t bad_epochs = 0;     ///< Epochs since then, or since the last reduction and its cooldown.
  int64_t cooldown_left = 0;  ///< Epochs that do not count yet.
};

/// Multiplies all learning rates by a factor after more than `patience` epochs without a better value of a metric
/// (torch.optim.lr_scheduler.ReduceLROnPlateau, whose numbers it gives). Each rule of a chain or of OptimizerGroups
/// has its own rate multiplied. Epochs without a value, since there was no validation, do not count.
struct LUXTORCH_API ReduceOnPlateau {
  std::string monitor = "validation_loss";  ///< A name of Event::metrics.
  Better better = Better::lower;            ///< Which of its values are better.
  double factor = 0.1;                      ///< Above 0 and below 1.
  int64_t patience = 10;  ///< Epochs without a better value that are borne, at least 0.
  /// How much better a value must be: by more than threshold * |best|, as torch's for positive values, or, if
  /// `relative` is false, by more than threshold.
  double threshold = 1e-4;
  bool relative = true;      ///< What threshold means.
  int64_t cooldown = 0;      ///< Epochs after a reduction that do not count, at least 0.
  double min_lr = 0;         ///< No rate becomes lower.
  double min_change = 1e-8;  ///< A rate that would change by this or less stays (torch's eps).
  ReduceOnPlateauProgress progress = {};  ///< Where it stands.

  void on_resume(Event&) { progress = {}; }  ///< Each run begins anew, or as its checkpoint says.
  /// ArgumentError: an option out of its range; an optimizer without a learning rate, whose rate follows a
  /// schedule, or that has rules of different rates beside a user's own optimizer.
  void on_start(Event& event);
  void on_epoch(Event& event);  ///< Compares, and reduces. ArgumentError: no metric of this name.
  Tree state() const;           ///< The progress; the rates are the optimizer's.
  /// Takes over what state() gave. TreeError: another tree.
  void set_state_(const Tree& state);
};

}  // namespace luxtorch
