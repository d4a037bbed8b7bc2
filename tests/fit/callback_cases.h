// A small training, and small callbacks, for the tests of the callbacks of fit.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "luxtorch/core/ops.h"
#include "luxtorch/core/values.h"
#include "luxtorch/data/dataloader.h"
#include "luxtorch/fit/fit.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/ops/activation.h"
#include "support/compare.h"
#include "support/files.h"

namespace luxtorch::testing {

/// With running statistics, so that states change.
inline Chain normed_model() { return Chain(Dense(3, 6, tanh), BatchNorm(6), Dense(6, 1)); }

inline TrainState normed_training(Optimizer optimizer = Adam(0.02)) {
  auto [ps, st] = setup(Rng(1), normed_model());
  return TrainState(normed_model(), ps, st, std::move(optimizer));
}

/// 22 observations: 4 batches an epoch.
inline data::DataLoader normed_data(bool shuffle = true) {
  const Tensor x = random::normal(Rng(2), {22, 3});
  const Tensor y = x.sum(1, true).sin();
  return data::DataLoader(tuple({x, y}), {.batch_size = 6, .shuffle = shuffle}, Rng(3));
}

/// Gives each epoch its value of the metric "score".
struct Scores {
  std::vector<double> values;
  void on_epoch(Event& event) const {
    const double value = values.at(static_cast<size_t>(event.epoch - 1));
    event.metrics = merge(event.metrics, named({{"score", tensor(value, {.dtype = kFloat64})}}));
  }
};

/// Keeps the notes of the other callbacks.
struct Notes {
  std::vector<std::string> all;
  void on_note(const Event&, const std::string& text) { all.push_back(text); }
};

/// Stops after a step, as Ctrl-C does.
struct StopAfter {
  int64_t step;
  void on_step(Event& event) const {
    if (event.ts.step == step) event.stop("the test");
  }
};

/// Calls a function of the event after each epoch.
struct AfterEpoch {
  std::function<void(Event&)> f;
  void on_epoch(Event& event) const { f(event); }
};

/// Calls a function of the event after each step.
struct AfterStep {
  std::function<void(Event&)> f;
  void on_step(Event& event) const { f(event); }
};

/// Makes the disk full after one step, and free again after another.
struct FullDisk {
  static constexpr bool root_only = true;
  int64_t from, to;
  std::shared_ptr<std::optional<test::SmallDisk>> disk =
      std::make_shared<std::optional<test::SmallDisk>>();
  void on_step(const Event& event) const {
    if (event.ts.step == from) disk->emplace(100);
    if (event.ts.step == to) disk->reset();
  }
};

inline void expect_same_training(const TrainState& a, const TrainState& b) {
  EXPECT_SAME(a.parameters(), b.parameters());
  EXPECT_SAME(a.states(), b.states());
  EXPECT_SAME(a.optimizer_state(), b.optimizer_state());
  EXPECT_EQ(a.step, b.step);
  EXPECT_EQ(a.optimizer().label(), b.optimizer().label());
}

}  // namespace luxtorch::testing
