// UpdateAverage: an average of the parameters along a run of fit.
//
//     Ema ema(0.999, ts);
//     fit(ts, objective, train, {.epochs = 25, .callbacks = {UpdateAverage{&ema}, CheckpointFolder("runs/a")}});
//     predict(model, x, ema.parameters(), ema.states());
#pragma once

#include <cstdint>

#include "luxtorch/core/api.h"
#include "luxtorch/fit/event.h"
#include "luxtorch/train/ema.h"
#include "luxtorch/tree.h"

namespace luxtorch {

/// Takes the parameters into an Ema after each step, or into an Swa after each epoch from some epoch on:
/// UpdateAverage{.average = &swa, .steps = 0, .epochs = 1, .after = 20}. A checkpoint keeps the average, and a resumed run
/// goes on with it bit for bit.
struct LUXTORCH_API UpdateAverage {
  AveragedParameters* average = nullptr;  ///< An Ema or Swa of the program, which outlives the run.
  int64_t steps =
      1;  ///< After each so many steps (TrainState::step is a multiple); 0: not after steps.
  int64_t epochs = 0;  ///< After each so many epochs; 0: not after epochs.
  int64_t after = 0;   ///< So many epochs first pass without an update.

  void on_start(Event& event);  ///< ArgumentError: no average, an option below 0.
  void on_step(Event& event);   ///< An update, if it is time.
  void on_epoch(Event& event);  ///< An update, if it is time.
  Tree state() const;           ///< AveragedParameters::state().
  /// AveragedParameters::set_state_, with its errors.
  void set_state_(const Tree& state);
};

}  // namespace luxtorch
