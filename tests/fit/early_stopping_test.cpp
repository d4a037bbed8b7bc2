// EarlyStopping: when it stops, and what it restores.
#include "luxtorch/fit/early_stopping.h"

#include <gmock/gmock.h>

#include <cmath>

#include "fit/callback_cases.h"
#include "support/error_text.h"

namespace luxtorch::testing {
namespace {

const double kNaN = std::nan("");

// The number of epochs that a run with these values has.
int64_t epochs_of(EarlyStopping stopping, std::vector<double> scores) {
  auto ts = normed_training();
  auto loader = normed_data();
  const auto epochs = static_cast<int64_t>(scores.size());
  stopping.monitor = "score";
  const auto history = fit(ts, MSELoss{}, loader,
                           {.epochs = epochs, .callbacks = {Scores{std::move(scores)}, stopping}});
  return history["loss"].tensor().size(0);
}

TEST(EarlyStopping, EndsAfterSoManyEpochsWithoutABetterValue) {
  EXPECT_EQ(epochs_of({.patience = 2}, {3, 2, 2, 2.5, 1, 0}), 4);
  EXPECT_EQ(epochs_of({.patience = 2}, {3, 2, 2, 1, 1, 1, 1}), 6);
  EXPECT_EQ(epochs_of({.patience = 3}, {3, 2, 1, 0}), 4);
}

TEST(EarlyStopping, OfAScoreThatShallBeHigh) {
  EXPECT_EQ(epochs_of({.better = Better::higher, .patience = 2}, {1, 2, 2, 1, 3}), 4);
}

TEST(EarlyStopping, ValuesThatAreBetterByMinDeltaAtMostDoNotCount) {
  EXPECT_EQ(epochs_of({.patience = 2, .min_delta = 0.5}, {3, 2.5, 2.75, 1, 0, 0}), 3);
  EXPECT_EQ(epochs_of({.patience = 2, .min_delta = 0.5}, {3, 2.25, 2, 1.875, 0}), 4);
}

// Keras compares from the second epoch on.
TEST(EarlyStopping, WithoutPatienceEndsAtTheFirstWorseValue) {
  EXPECT_EQ(epochs_of({.patience = 0}, {3, 2, 2, 1}), 3);
  EXPECT_EQ(epochs_of({.patience = 0}, {kNaN, 2, 2, 1}), 3);
}

TEST(EarlyStopping, NaNIsNeverTheBestValue) {
  EXPECT_EQ(epochs_of({.patience = 2}, {kNaN, 2, 1, kNaN, kNaN, 0}), 5);
  EXPECT_EQ(epochs_of({.patience = 2}, {kNaN, kNaN, kNaN}), 2);
}

struct Restored {
  TrainState ts = normed_training();
  std::vector<Tree> parameters, states;  // after each epoch
  Notes notes;
  EarlyStopping stopping{.monitor = "score", .patience = 2};
  std::vector<Callback> callbacks(std::vector<double> scores) {
    return {Scores{std::move(scores)}, AfterEpoch{[this](Event& event) {
              parameters.push_back(tree::map_tensors([](const Tensor& t) { return t.clone(); },
                                                     event.ts.parameters()));
              states.push_back(
                  tree::map_tensors([](const Tensor& t) { return t.clone(); }, event.ts.states()));
            }},
            std::ref(stopping), std::ref(notes)};
  }
};

TEST(EarlyStopping, RestoresParametersAndStatesOfTheBestEpochBitForBit) {
  Restored r;
  auto loader = normed_data();
  const auto history =
      fit(r.ts, MSELoss{}, loader, {.epochs = 9, .callbacks = r.callbacks({3, 1, 2, 2, 0})});
  ASSERT_EQ(r.parameters.size(), 4U);
  EXPECT_SAME(r.ts.parameters(), r.parameters[1]);
  EXPECT_SAME(r.ts.states(), r.states[1]);
  EXPECT_FALSE(tree::equal(r.ts.parameters(), r.parameters[3]));
  EXPECT_FALSE(tree::equal(r.ts.states(), r.states[3]));
  EXPECT_EQ(r.stopping.progress.best_epoch, 2);
  EXPECT_EQ(history.stop_reason,
            "EarlyStopping: nothing better than score 1 of epoch 2 in 2 epochs.");
  EXPECT_EQ(r.notes.all, Strings({"parameters of epoch 2, the best one (score 1)"}));
}

TEST(EarlyStopping, RestoresAfterTheLastEpochToo) {
  Restored r;
  auto loader = normed_data();
  fit(r.ts, MSELoss{}, loader, {.epochs = 2, .callbacks = r.callbacks({1, 2})});
  EXPECT_SAME(r.ts.parameters(), r.parameters[0]);
}

TEST(EarlyStopping, KeepsTheLastParametersWhereItIsTold) {
  Restored r;
  r.stopping.restore_best = false;
  auto loader = normed_data();
  fit(r.ts, MSELoss{}, loader, {.epochs = 9, .callbacks = r.callbacks({3, 1, 2, 2, 0})});
  EXPECT_SAME(r.ts.parameters(), r.parameters[3]);
  EXPECT_TRUE(r.stopping.progress.parameters.is_none());
}

// Such a run may go on.
TEST(EarlyStopping, KeepsTheLastParametersWhereSomethingElseStops) {
  for (int64_t step : {6, 10}) {  // in the middle of an epoch, and of the last one
    Restored r;
    auto loader = normed_data();
    auto callbacks = r.callbacks({1, 2, 2});
    callbacks.push_back(StopAfter{step});
    fit(r.ts, MSELoss{}, loader, {.epochs = 3, .callbacks = callbacks});
    EXPECT_EQ(r.ts.step, step);
    EXPECT_FALSE(tree::equal(r.ts.parameters(), r.parameters[0]));
  }
}

TEST(EarlyStopping, WaitsForEpochsWithAValidation) {
  auto ts = normed_training();
  auto loader = normed_data();
  const auto valid = normed_data(false);
  EarlyStopping stopping{.patience = 2, .min_delta = 1e9};
  const auto history = fit(
      ts, MSELoss{}, loader,
      {.epochs = 20, .validation = &valid, .validate_every = 3, .callbacks = {std::ref(stopping)}});
  EXPECT_EQ(history["loss"].tensor().size(0), 9);  // values in epochs 3, 6 and 9
  EXPECT_EQ(stopping.progress.best_epoch, 3);
}

TEST(EarlyStopping, SaysWhichMetricsThereAre) {
  auto ts = normed_training();
  auto loader = normed_data();
  EXPECT_ERROR(ArgumentError,
               fit(ts, MSELoss{}, loader, {.epochs = 3, .callbacks = {EarlyStopping{}}}),
               "[fit] the callback EarlyStopping failed in on_epoch, in epoch 1 at step 4: [fit] "
               "expected the name of a metric of this run, got 'validation_loss'. There is: loss.");
}

TEST(EarlyStopping, RefusesOptionsOutOfTheirRange) {
  auto refused = [](EarlyStopping stopping) {
    auto ts = normed_training();
    auto loader = normed_data();
    return text_of([&] { fit(ts, MSELoss{}, loader, {.callbacks = {stopping}}); });
  };
  EXPECT_THAT(refused({.patience = -1}),
              ::testing::HasSubstr("[EarlyStopping] expected patience of at least 0, got -1."));
  EXPECT_THAT(refused({.min_delta = kNaN}),
              ::testing::HasSubstr(
                  "[EarlyStopping] expected min_delta finite and of at least 0, got nan."));
}

}  // namespace
}  // namespace luxtorch::testing
