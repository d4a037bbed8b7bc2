// What TrainState and its steps refuse.
#include <gtest/gtest.h>

#include <limits>

#include "luxtorch/train/loss.h"
#include "support/compare.h"
#include "train/train_state_cases.h"

namespace luxtorch {
namespace {

using namespace testing;

TEST(TrainStateErrors, ParametersAndStatesMustBeTheModels) {
  auto [ps, st] = setup(Rng(1), model());
  EXPECT_ERROR(
      TreeError,
      TrainState(model(),
                 ps.without("layer_1.bias")
                     .with("layer_3", zeros({2}))
                     .with("layer_2.weight", zeros({2, 2})),
                 st, Adam()),
      "[check_parameters] expected parameters with the model's structure, got missing "
      "layer_1.bias, layer_2.weight of shape "
      "(2, 2) in place of (1, 4), unexpected layer_3. Are they of another model or version?");
  EXPECT_ERROR(
      TreeError, TrainState(model(), ps, ps, Adam()),
      "[check_states] expected states with the model's structure, got unexpected layer_1.weight, "
      "unexpected layer_1.bias, "
      "unexpected layer_2.weight, unexpected layer_2.bias. Are they of another model or version?");
  TrainState ts(model(), ps, st, Adam());
  EXPECT_THROW(ts.set_parameters_(ps.without("layer_1")), TreeError);
  EXPECT_THROW(ts.set_states_(ps), TreeError);
  EXPECT_THROW(ts.set_optimizer_state_(ps), TreeError);
  EXPECT_SAME(ts.parameters(), ps);
}

Tree poisoned() {
  return tuple({values({8, 3}, 1), full({8, 1}, std::numeric_limits<double>::quiet_NaN())});
}

TEST(TrainStateErrors, ALossThatIsNotFiniteNamesTheStepAndChangesNothing) {
  TrainState ts = fresh();
  for (int i = 0; i < 16; ++i) single_train_step_(MSELoss{}, batch(i), ts);
  Tree ps = deep_copy(ts.parameters()), opt = deep_copy(ts.optimizer_state());
  EXPECT_ERROR(ArgumentError, single_train_step_(MSELoss{}, poisoned(), ts),
               "[single_train_step_] at step 17: expected a finite loss, got nan. Look at the "
               "batch and at the parameters from before "
               "it; a smaller learning rate or ClipNorm may help.");
  EXPECT_SAME(ts.parameters(), ps);
  EXPECT_SAME(ts.optimizer_state(), opt);
  EXPECT_EQ(ts.step, 16);
  auto infinite = [](const Tensor& y_hat, const Tensor&) { return y_hat.sum() / 0.0; };
  EXPECT_THROW((void)single_train_step(infinite, batch(), ts), ArgumentError);
  EXPECT_THROW((void)compute_gradients(MSELoss{}, poisoned(), ts), ArgumentError);
}

TEST(TrainStateErrors, TheCheckOfTheLossCanBeTurnedOff) {
  auto [ps, st] = setup(Rng(1), model());
  TrainState ts(model(), ps, st, Adam(), {.check_finite = false});
  auto [grads, loss, stats] = single_train_step_(MSELoss{}, poisoned(), ts);
  EXPECT_TRUE(loss.isnan().item<bool>());
  EXPECT_EQ(ts.step, 1);
}

TEST(TrainStateErrors, AStepThatThrowsLateChangesNothing) {
  auto [ps, st] = setup(Rng(1), model());
  TrainState ts(model(), ps, st, OptimiserChain(Adam(0.01), ClipNorm(1.0)));
  single_train_step_(MSELoss{}, batch(), ts);
  Tree before = deep_copy(ts.parameters()), opt = deep_copy(ts.optimizer_state());
  Tree bad = tree::map_tensors([](const Tensor& t) { return t / 0.0; }, ps);
  EXPECT_THROW(apply_gradients_(ts, bad), ArgumentError);
  EXPECT_SAME(ts.parameters(), before);
  EXPECT_SAME(ts.optimizer_state(), opt);
  EXPECT_EQ(ts.step, 1);
}

TEST(TrainStateErrors, AnObjectiveThatThrowsLeavesTheStateUsable) {
  TrainState ts = fresh(), other = fresh();
  EXPECT_THROW(single_train_step_(MSELoss{}, tuple({values({8, 5}, 1), values({8, 1}, 2)}), ts),
               ShapeError);
  single_train_step_(MSELoss{}, batch(), ts);
  single_train_step_(MSELoss{}, batch(), other);
  EXPECT_SAME(ts.parameters(), other.parameters());
}

}  // namespace
}  // namespace luxtorch
