// Callbacks of fit that watch the run: NaN, time, norms of gradients.
//
//     fit(ts, objective, train, {.epochs = 25,
//                                .callbacks = {StopOnNaN{.check_every = 100}, GradientNorms{.every = 50},
//                                              TimeLimit{.limit = std::chrono::hours(2)}}});
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/fit/event.h"
#include "luxtorch/tree.h"

namespace luxtorch {

/// Ends a run where its numbers are NaN or infinite, without an exception: Event::stop_reason says where. The
/// error of a step with such a loss (NonFiniteError; TrainStateOptions::check_finite) becomes a stop, and ts is as it
/// was before that step.
struct LUXTORCH_API StopOnNaN {
  /// After each so many steps the gradients and the parameters are read, too; 0: never. Parameters that are not finite
  /// then are in ts: the last checkpoint is older (SaveEvery saves no NaN). A step on a GPU, or with a LossScale, does
  /// not read its loss (TrainStateOptions::check_finite): there this finds what is not finite within an epoch.
  int64_t check_every = 0;

  void on_start(Event& event);  ///< ArgumentError: check_every below 0.
  void on_step(Event& event);   ///< Reads, if it is time.
  void on_epoch(Event& event);  ///< Stops where the mean loss of the epoch is not finite.
  /// True for a NonFiniteError, which it stops the run for.
  bool on_error(Event& event, const std::exception& error);
};

/// Ends a run after the first step that ends later than `limit` after the start of this process' part of the run.
struct LUXTORCH_API TimeLimit {
  std::chrono::duration<double> limit = {};  ///< Above 0: std::chrono::hours(2).
  /// The clock.
  std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
  std::chrono::steady_clock::time_point start = {};  ///< When the run began.

  void on_start(Event& event);  ///< ArgumentError: a limit that is not above 0.
  void on_step(Event& event);   ///< Compares.
};

/// What GradientNorms has seen, by step.
struct GradientNormsProgress {
  std::vector<std::string> names = {};  ///< The layers or parameters, in the model's order.
  std::vector<int64_t> steps = {};      ///< TrainState::step after the step.
  std::vector<double> total = {};       ///< The norm of all gradients together.
  std::vector<std::vector<double>> parts =
      {};            ///< That of each name; NaN for what has no gradient.
  size_t noted = 0;  ///< How many steps the notes have told.
};

/// Euclidean norms of the gradients of training steps, as the step found them: before the optimizer's rules, such as
/// ClipNorm, and with a LossScale of the scaled loss. After each epoch it notes their range and the largest part; with
/// std::ref a program reads them all. A checkpoint keeps them.
struct LUXTORCH_API GradientNorms {
  int64_t every = 100;  ///< Of each so many steps (TrainState::step is a multiple), at least 1.
  bool by_parameter =
      false;  ///< A norm for each parameter ("lstm.weight_ih"), not for each layer ("lstm").
  GradientNormsProgress progress = {};  ///< What it has seen.

  /// What it has seen of n steps: {"step" (n) int64, "total" (n) float64, "names": a tuple of the layers or
  /// parameters, "parts" (n, names) float64, NaN for those without a gradient, such as frozen ones}.
  Tree table() const;

  void on_resume(Event&) { progress = {}; }  ///< Each run begins anew, or as its checkpoint says.
  void on_start(Event& event);               ///< ArgumentError: `every` below 1.
  void on_step(Event& event);                ///< Computes them, if it is time.
  void on_epoch(Event& event);               ///< The note.
  Tree state() const;                        ///< The table and what is noted.
  /// Takes over what state() gave. TreeError: another tree.
  void set_state_(const Tree& state);
};

}  // namespace luxtorch
