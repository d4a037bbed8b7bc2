// What TrainState and its steps refuse.
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "luxtorch/autodiff/derivatives.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/autodiff/vmap.h"
#include "luxtorch/losses/loss.h"
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

// Its copies of parameters, gradients and moments would be constants, without a word.
TEST(TrainStateErrors, ADerivativeOfAStepIsRefused) {
  TrainState ts = fresh(), own = fresh(), moved = fresh();
  const Tree ps = ts.parameters();
  auto grads_of = [&](const Tensor& a) {
    return tree::map_tensors([&](const Tensor& t) { return t * a; }, ps);
  };
  using F = std::function<void(const Tensor&)>;
  const std::pair<const char*, F> cases[] = {
      {"apply_gradients", [&](const Tensor& a) { (void)apply_gradients(ts, grads_of(a)); }},
      {"apply_gradients_", [&](const Tensor& a) { apply_gradients_(moved, grads_of(a)); }},
      {"single_train_step",
       [&](const Tensor& a) {
         (void)single_train_step(MSELoss{}, tuple({values({8, 3}, 1) * a, values({8, 1}, 2)}), ts);
       }},
      {"single_train_step_",
       [&](const Tensor& a) {
         auto scaled = [&](const Tensor& y, const Tensor& t) {
           return ((y - t) * a).square().mean();
         };
         single_train_step_(scaled, batch(), moved);
       }},
      {"TrainState",
       [&](const Tensor& a) {
         TrainState(model(), grads_of(a), named({{"layer_1", named({})}, {"layer_2", named({})}}),
                    Adam());
       }},
      {"set_parameters_", [&](const Tensor& a) { moved.set_parameters_(grads_of(a)); }},
      {"set_optimizer_state_",
       [&](const Tensor& a) {
         Tree m = grads_of(a);
         moved.set_optimizer_state_(ts.optimizer_state().with("m", m));
       }},
  };
  const Tensor one = full({}, 1.5);
  for (const auto& [who, run] : cases) {
    SCOPED_TRACE(who);
    auto f = [&run = run](const Tensor& a) {
      run(a);
      return a * 1;
    };
    const auto head = "[" + std::string(who) + "] at ";
    auto refusal = [&](auto call) {
      try {
        call();
      } catch (const ArgumentError& error) {
        return std::string(error.what());
      }
      return std::string();
    };
    for (const auto& text :
         {refusal([&] { (void)grad(f, one); }), refusal([&] { (void)jvp(f, one, one); }),
          refusal([&] { (void)vmap(f)(stack({one, one})); }),
          refusal([&] { (void)hessian(f, one); })}) {
      EXPECT_EQ(text.find(head), 0U) << text;
      EXPECT_NE(text.find("Use Optimizer::update there"), std::string::npos) << text;
    }
  }
  EXPECT_SAME(moved.parameters(), own.parameters());
  EXPECT_EQ(moved.step, 0);
}

TEST(TrainStateErrors, AStepOnConstantsIsAllowedInsideOfAFunctionThatIsDifferentiated) {
  TrainState ts = fresh();
  auto f = [&](const Tensor& a) {
    Tree data = tree::detach(tuple({values({8, 3}, 1) * a, values({8, 1}, 2)}));
    const at::NoGradGuard no_grad;
    single_train_step_(MSELoss{}, data, ts);
    const at::AutoGradMode recording(true);
    return a * 2;
  };
  EXPECT_CLOSE(grad(f, full({}, 1.5)), full({}, 2), 0);
  EXPECT_EQ(ts.step, 1);
}

}  // namespace
}  // namespace luxtorch
