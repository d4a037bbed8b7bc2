#include "luxtorch/optim/loss_scale.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "luxtorch/checkpoint/checkpoint.h"
#include "luxtorch/losses/loss.h"
#include "support/files.h"
#include "train/train_state_cases.h"

namespace luxtorch::testing {
namespace {

Tree state(double scale, int64_t steps) {
  return named({{"scale", scale}, {"finite_steps", steps}});
}

TEST(LossScale, DividesGradientsAndGrowsAfterFiniteSteps) {
  const LossScale rule({.initial = 8, .growth = 4, .interval = 2});
  const Tree grads = named({{"w", values({3}, 1)}, {"none", Tree()}});
  Tree st = rule.init(grads);
  EXPECT_SAME(st, state(8, 0));
  auto [d, next] = rule.transform(grads, st, grads);
  EXPECT_SAME(d["w"], grads["w"].tensor() / 8);
  EXPECT_TRUE(d["none"].is_none());
  EXPECT_SAME(next, state(8, 1));
  EXPECT_SAME(rule.transform(grads, next, grads).second, state(32, 0));
}

TEST(LossScale, LeavesOutAStepThatIsNotFiniteAndShrinks) {
  const LossScale rule({.initial = 8, .backoff = 0.25});
  for (double bad : {std::numeric_limits<double>::infinity(), std::nan("")}) {
    const Tree grads = named({{"a", values({3}, 1)}, {"b", named({{"c", ones({2}) * bad}})}});
    auto [d, next] = rule.transform(grads, state(8, 5), grads);
    EXPECT_TRUE(d["a"].is_none());
    EXPECT_TRUE(d["b"]["c"].is_none());
    EXPECT_SAME(next, state(2, 0));
  }
}

TEST(LossScale, StaysFinite) {
  const LossScale rule({.growth = 1e10, .interval = 1});
  const Tree grads = named({{"w", values({3}, 1)}});
  EXPECT_SAME(rule.transform(grads, state(1e300, 0), grads).second, state(1e300, 0));
}

// A scale that is a power of two changes no bit where nothing is lost.
TEST(LossScale, TrainsFloat32AsWithoutIt) {
  TrainState plain = fresh(), scaled = fresh(OptimiserChain(LossScale(), Adam(0.01)));
  for (int i = 0; i < 3; ++i) {
    auto a = single_train_step_(MSELoss{}, batch(i), plain);
    auto b = single_train_step_(MSELoss{}, batch(i), scaled);
    EXPECT_SAME(a.loss, b.loss);
    EXPECT_TREES_CLOSE(tree::map_tensors([](const Tensor& g) { return g / 65536; }, b.grads),
                       a.grads, kPlainFloat32);
  }
  EXPECT_TREES_CLOSE(scaled.parameters(), plain.parameters(), kPlainFloat32);
  EXPECT_EQ(scaled.optimizer_state()[0]["finite_steps"].scalar<int64_t>(), 3);
}

// In float16, gradients of 1e-9 are 0 without a scale.
TEST(LossScale, KeepsSmallGradientsOfFloat16) {
  const Objective small = [](const Layer&, const Tree& ps, const Tree& st, const Tree&) -> LossOut {
    return {(ps["weight"].tensor().to(kFloat32) * 1e-9).sum(), st};
  };
  auto model = Dense(3, 2, {.use_bias = false});
  auto [ps, st] = setup(Rng(1), model);
  const auto moved = [&, ps = ps, st = st](Optimizer o) {
    TrainState ts(model, tree::to(ps, Dtype::Half), st, std::move(o));
    single_train_step_(small, named({}), ts);
    return (ts.parameters()["weight"].tensor() - ps["weight"].tensor().to(Dtype::Half)).abs().max();
  };
  EXPECT_EQ(moved(Descent(1e8)).item<double>(), 0);
  EXPECT_NEAR(moved(OptimiserChain(LossScale(), Descent(1e8))).item<double>(), 0.1, 2e-3);
}

// An overflow costs one step and no parameter.
TEST(LossScale, AnOverflowLeavesTheTrainStateAndACheckpointGoesOn) {
  auto make = [] { return fresh(OptimiserChain(LossScale({.initial = 1e39}), Adam(0.01))); };
  TrainState ts = make();
  const Tree before = ts.parameters();
  auto step = single_train_step_(MSELoss{}, batch(), ts);
  EXPECT_TRUE(std::isfinite(step.loss.item<double>()));
  EXPECT_SAME(ts.parameters(), before);
  EXPECT_EQ(ts.step, 1);
  EXPECT_EQ(ts.optimizer_state()[0]["scale"].scalar<double>(), 5e38);
  const auto saved = CheckpointFolder(test::fresh_folder("loss_scale")).save(ts);
  TrainState again = make();
  load_checkpoint(saved).restore_(again);
  for (int i = 0; i < 4; ++i) {
    single_train_step_(MSELoss{}, batch(i), ts);
    single_train_step_(MSELoss{}, batch(i), again);
  }
  expect_same(again, ts);
}

TEST(LossScale, RefusesOptionsOutOfRange) {
  EXPECT_ERROR(ArgumentError, LossScale({.initial = 0}),
               "[LossScale] expected initial above 0 and finite, got 0.");
  EXPECT_ERROR(ArgumentError, LossScale({.growth = 0.5}),
               "[LossScale] expected growth of at least 1 and finite, got 0.5.");
  EXPECT_ERROR(ArgumentError, LossScale({.backoff = 0}),
               "[LossScale] expected backoff in (0, 1], got 0.");
  EXPECT_ERROR(ArgumentError, LossScale({.interval = 0}),
               "[LossScale] expected interval of at least 1, got 0.");
}

}  // namespace
}  // namespace luxtorch::testing
