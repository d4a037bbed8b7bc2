// Checkpoints: what is saved comes back, what stays, and what best means.
#include "luxtorch/train/checkpoint.h"

#include <gtest/gtest.h>

#include "luxtorch/data/dataloader.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/train/freeze.h"
#include "luxtorch/train/loss.h"
#include "support/compare.h"
#include "support/files.h"
#include "train/train_state_cases.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;
using namespace testing;

void expect_same(const TrainState& a, const TrainState& b) {
  EXPECT_SAME(a.parameters(), b.parameters());
  EXPECT_SAME(a.states(), b.states());
  EXPECT_SAME(a.optimizer_state(), b.optimizer_state());
  EXPECT_EQ(a.frozen(), b.frozen());
  EXPECT_EQ(a.step, b.step);
  EXPECT_EQ(a.optimizer().label(), b.optimizer().label());
}

TEST(Checkpoints, AResumedTrainingGoesOnBitForBit) {
  for (const Optimizer& o : optimizers()) {
    SCOPED_TRACE(o.label());
    CheckpointFolder run(test::fresh_folder("checkpoint_go_on"));
    TrainState ts = fresh(o);
    for (int i = 0; i < 3; ++i) single_train_step_(MSELoss{}, batch(i), ts);
    run.save(ts);
    TrainState again = fresh(o);
    auto found = run.resume();
    ASSERT_TRUE(found.checkpoint);
    EXPECT_TRUE(found.skipped.empty());
    found.checkpoint->restore_(again);
    expect_same(again, ts);
    for (int i = 3; i < 6; ++i) {
      single_train_step_(MSELoss{}, batch(i), ts);
      single_train_step_(MSELoss{}, batch(i), again);
    }
    expect_same(again, ts);
  }
}

TEST(Checkpoints, WhatTheProgramAddsComesBack) {
  CheckpointFolder run(test::fresh_folder("checkpoint_extras"));
  Tree values = named({{"alphabet", "abc"}, {"lr", 0.01}, {"losses", tuple({1, 2.5, Tree()})}});
  auto path =
      run.save(fresh(), {.values = values, .rng = Rng(7), .data = tuple({3}), .metric = 0.5});
  EXPECT_EQ(path.filename(), "step_000000000");
  for (const auto& c : {load_checkpoint(path), load_checkpoint(run.path())}) {
    EXPECT_SAME(c.values, values);
    EXPECT_EQ(c.rng, Rng(7));
    EXPECT_SAME(c.data, tuple({3}));
    EXPECT_EQ(c.metric, 0.5);
    EXPECT_EQ(c.model, show(Layer(model())));
    EXPECT_EQ(c.path, path);
  }
}

}  // namespace
}  // namespace luxtorch
