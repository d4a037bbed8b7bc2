// The learning rate range test (Smith 2017): a loss for each of many learning rates.
//
//     auto test = lr_range_test(ts, objective, train);          // ts and train stay as they are
//     std::cout << test;                                        // a curve, and the suggestion
//     if (test.suggestion) adjust_(ts, {.lr = *test.suggestion});
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <vector>

#include "luxtorch/autodiff/objective.h"
#include "luxtorch/core/api.h"
#include "luxtorch/data/dataloader.h"
#include "luxtorch/fit/event.h"
#include "luxtorch/train/train_state.h"
#include "luxtorch/tree.h"

namespace luxtorch {

/// Options of lr_range_test.
struct LrRangeTestOptions {
  double from = 1e-7;   ///< The first learning rate, above 0.
  double to = 10;       ///< The last one, above `from`.
  int64_t steps = 100;  ///< How many, in equal ratios; at least 3.
  /// The decay of the mean of the losses, in [0, 1): m = smoothing m + (1 - smoothing) loss, divided by
  /// 1 - smoothing^n. With 0 it is the losses.
  double smoothing = 0.98;
  double divergence =
      4;  ///< It ends where the smoothed loss is above so many times its least value; above 1.
};

/// What lr_range_test gives. All vectors have one length, the number of steps that were made.
struct LUXTORCH_API LrRangeTest {
  std::vector<double> lrs;       ///< The learning rates.
  std::vector<double> losses;    ///< The loss of the step with each rate, before its update.
  std::vector<double> smoothed;  ///< Their means.
  bool diverged = false;         ///< Whether it ended before the last rate.
  /// Where the smoothed loss falls most steeply over log(lr): behind the first tenth of the steps, and before its least
  /// value. Nothing where it does not fall there.
  std::optional<double> suggestion = {};

  /// Prints the curve of the smoothed losses, 16 lines for a terminal of 80 columns, and the suggestion.
  friend LUXTORCH_API std::ostream& operator<<(std::ostream& out, const LrRangeTest& test);
};

/// Makes training steps on a copy of ts, the first with the rate options.from, the last with options.to. All rules of
/// the optimizer get that rate. The batches are those of the loader's next epochs; its position stays.
///
/// ArgumentError: an option out of its range; an optimizer whose learning rate follows a schedule or that has none. A
/// loss that is not finite ends the test. Over a group all processes call it.
LUXTORCH_API LrRangeTest lr_range_test(const TrainState& ts, const Objective& objective,
                                       const data::DataLoader& loader,
                                       const LrRangeTestOptions& options = {});

/// Runs lr_range_test before the first step of fit, sets the rate that it suggests, and notes it. A resumed run keeps
/// its rate.
struct LUXTORCH_API LearningRateFinder {
  Objective objective;                   ///< That of the run.
  const data::DataLoader* loader;        ///< The training data. Not copied.
  LrRangeTestOptions options = {};       ///< Those of the test.
  bool apply = true;                     ///< Whether the rate is set; else it is noted alone.
  std::optional<LrRangeTest> test = {};  ///< What the test gave; nothing in a resumed run.
  bool done = false;  ///< Whether this run, or the one that it resumes, has had its test.

  void on_resume(Event&) { test.reset(), done = false; }  ///< Each run has its own test.
  /// The test. ArgumentError: no loader; and as of lr_range_test.
  void on_start(Event& event);
  Tree state() const;  ///< Whether the test is done.
  /// Takes over what state() gave. TreeError: another tree.
  void set_state_(const Tree& state);
};

}  // namespace luxtorch
