#include "luxtorch/optim/scheduler.h"

#include <gtest/gtest.h>

#include <sstream>

#include "luxtorch/layers/dense.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/train/train_state.h"
#include "optim/optim_cases.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

using namespace testing;
using schedule::CosAnneal;
using schedule::Exp;
using schedule::Warmup;

// What the optimiser does when it is made anew with each step's learning rate.
template <class Make>
void expect_as_by_hand(const Optimizer& scheduled, const Schedules& s, Make make) {
  SCOPED_TRACE(scheduled.label());
  auto at = [](const std::optional<schedule::Schedule>& one, int64_t t) {
    return one ? (*one)(t) : 0.0;
  };
  Tree ps = parameters(), by_hand = ps;
  Tree state = scheduled.init(ps);
  std::optional<Tree> own;
  for (int64_t t = 1; t <= 7; ++t) {
    Tree g = gradients(static_cast<double>(t));
    Optimizer now = make(at(s.lr, t), at(s.rho, t), at(s.lambda, t));
    if (!own) own = now.init(ps);
    std::tie(ps, state) = scheduled.update(g, state, ps);
    std::tie(by_hand, *own) = now.update(g, *own, by_hand);
    EXPECT_SAME(ps, by_hand);
  }
}

TEST(Scheduler, IsTheOptimiserWithEachStepsHyperParameters) {
  Exp lr(0.1, 0.8), other(0.5, 0.9);
  expect_as_by_hand(Scheduler(Adam(), lr), {.lr = lr},
                    [](double l, double, double) { return Adam(l); });
  expect_as_by_hand(Scheduler(Descent(), lr), {.lr = lr},
                    [](double l, double, double) { return Descent(l); });
  expect_as_by_hand(Scheduler(RMSProp(1, {.centred = true}), lr), {.lr = lr},
                    [](double l, double, double) { return RMSProp(l, {.centred = true}); });
  expect_as_by_hand(Scheduler(Momentum(), {.lr = lr, .rho = other}), {.lr = lr, .rho = other},
                    [](double l, double r, double) { return Momentum(l, r); });
  expect_as_by_hand(Scheduler(AdamW(0.02), {.lambda = other}), {.lambda = other},
                    [](double, double, double d) { return AdamW(0.02, {.lambda = d}); });
  expect_as_by_hand(Scheduler(OptimiserChain(ClipGlobalNorm(0.5), WeightDecay(0.1), Adam()), lr),
                    {.lr = lr}, [](double l, double, double) {
                      return OptimiserChain(ClipGlobalNorm(0.5), WeightDecay(0.1), Adam(l));
                    });
  expect_as_by_hand(
      OptimiserChain(ClipGlobalNorm(0.5), Scheduler(Adam(), lr)), {.lr = lr},
      [](double l, double, double) { return OptimiserChain(ClipGlobalNorm(0.5), Adam(l)); });
}

TEST(Scheduler, FollowsAUsersOwnOptimiserToo) {
  Exp lr(0.1, 0.8);
  expect_as_by_hand(Scheduler(SignDescent{}, lr), {.lr = lr},
                    [](double l, double, double) { return SignDescent{l}; });
  expect_as_by_hand(Scheduler(OptimiserChain(Double{}, Adam()), lr), {.lr = lr},
                    [](double l, double, double) { return OptimiserChain(Double{}, Adam(l)); });
  expect_as_by_hand(
      OptimiserChain(ClipNorm(1), Scheduler(SignDescent{}, lr)), {.lr = lr},
      [](double l, double, double) { return OptimiserChain(ClipNorm(1), SignDescent{l}); });
  Optimizer o = Scheduler(SignDescent{}, lr);
  EXPECT_EQ(o.init(parameters())["step"].scalar<int64_t>(), 0);
  EXPECT_ERROR(ArgumentError, adjust(o, {.lr = 0.5}),
               "[adjust] expected a hyper-parameter that follows no schedule of "
               "Scheduler(SignDescent(0.10), lr = Exp(0.1, 0.8)).");
  EXPECT_THROW(Scheduler(Double{}, lr), ArgumentError);
}

Tree normal_batch(uint64_t i) {
  return tuple({random::normal(Rng(i), {16, 3}), random::normal(Rng(i).fold_in("y"), {16, 2})});
}
TrainState of_one_layer(const Optimizer& o) {
  Layer model = Dense(3, 2);
  auto [ps, st] = setup(Rng(0), model);
  return TrainState(model, ps, st, o);
}

TEST(Scheduler, StepsInPlaceAreThePureStepsBitForBit) {
  for (const Optimizer& o :
       {Optimizer(Scheduler(Adam(), Warmup(3, CosAnneal(0.05, 1e-3, 10)))),
        Optimizer(OptimiserChain(ClipGlobalNorm(0.5), Scheduler(AdamW(), Exp(0.05, 0.9)))),
        Optimizer(Scheduler(Descent(), Exp(0.05, 0.9)))}) {
    SCOPED_TRACE(o.label());
    TrainState in_place = of_one_layer(o), pure = of_one_layer(o);
    for (uint64_t i = 0; i < 12; ++i) {
      single_train_step_(MSELoss{}, normal_batch(i), in_place);
      pure = single_train_step(MSELoss{}, normal_batch(i), pure).next;
      EXPECT_SAME(in_place.parameters(), pure.parameters());
    }
    EXPECT_SAME(in_place.optimizer_state(), pure.optimizer_state());
  }
}

TEST(Scheduler, GoesOnFromASavedStateBitForBit) {
  for (const Optimizer& o :
       {Optimizer(Scheduler(Adam(), Warmup(3, CosAnneal(0.05, 1e-3, 10)))),
        Optimizer(OptimiserChain(ClipGlobalNorm(0.5), Scheduler(Descent(), Exp(0.05, 0.9)))),
        Optimizer(Scheduler(SignDescent{}, Exp(0.05, 0.9)))}) {
    SCOPED_TRACE(o.label());
    TrainState whole = of_one_layer(o);
    for (uint64_t k = 0; k < 9; ++k) {
      Tree ps = whole.parameters(), state = whole.optimizer_state();
      TrainState resumed = of_one_layer(o);
      resumed.set_parameters_(ps);
      resumed.set_optimizer_state_(state);
      single_train_step_(MSELoss{}, normal_batch(k), whole);
      single_train_step_(MSELoss{}, normal_batch(k), resumed);
      EXPECT_SAME(resumed.parameters(), whole.parameters());
    }
    // The counter is what makes the difference.
    TrainState forgot = of_one_layer(o);
    forgot.set_parameters_(whole.parameters());
    single_train_step_(MSELoss{}, normal_batch(9), whole);
    single_train_step_(MSELoss{}, normal_batch(9), forgot);
    EXPECT_FALSE(tree::equal(forgot.parameters(), whole.parameters()));
  }
}

TEST(Scheduler, CountsTheUpdatesThatAParameterHasHad) {
  Optimizer o = Scheduler(Descent(), Exp(1, 0.5));
  Tree ps = named({{"a", zeros({1})}, {"b", zeros({1})}}), state = o.init(ps);
  Tree both = named({{"a", ones({1})}, {"b", ones({1})}}), only_a = both.with("b", Tree());
  std::tie(ps, state) = o.update(only_a, state, ps);  // a: 1
  std::tie(ps, state) = o.update(both, state, ps);    // a: 1/2, b: 1
  EXPECT_EQ(ps["a"].tensor().item<double>(), -1.5);
  EXPECT_EQ(ps["b"].tensor().item<double>(), -1);
  EXPECT_EQ(state["step"]["a"].scalar<int64_t>(), 2);
  EXPECT_EQ(state["step"]["b"].scalar<int64_t>(), 1);

  o = OptimiserChain(AccumGrad(2), Scheduler(Descent(), Exp(1, 0.5)));
  ps = named({{"a", zeros({1})}}), state = o.init(ps);
  for (int i = 0; i < 4; ++i) std::tie(ps, state) = o.update(named({{"a", ones({1})}}), state, ps);
  EXPECT_EQ(ps["a"].tensor().item<double>(), -1.5);
}

TEST(Scheduler, AdjustChangesWhatFollowsNoSchedule) {
  Optimizer o = Scheduler(Adam(), Exp(0.1, 0.8));
  EXPECT_EQ(adjust(o, {.epsilon = 0.5}).label(),
            "Scheduler(Adam(Exp(0.1, 0.8), beta = (0.9, 0.999), epsilon = 0.5))");
  EXPECT_ERROR(ArgumentError, adjust(o, {.lr = 0.5}),
               "[adjust] expected a hyper-parameter of Scheduler(Adam(Exp(0.1, 0.8), beta = (0.9, "
               "0.999), epsilon = 1e-08)), which has beta, epsilon, got lr. It follows a schedule: "
               "Scheduler(optimizer, schedule) sets another one.");
  // The other rule of a chain has an lr of its own.
  EXPECT_EQ(
      adjust(OptimiserChain(Descent(0.1), Scheduler(Descent(), Exp(1, 0.5))), {.lr = 0.2}).label(),
      "OptimiserChain(Descent(0.2), Scheduler(Descent(Exp(1, 0.5))))");
  TrainState ts = of_one_layer(o);
  single_train_step_(MSELoss{}, normal_batch(0), ts);
  adjust_(ts, {.beta = {{0.5, 0.9}}});
  single_train_step_(MSELoss{}, normal_batch(1), ts);
  EXPECT_EQ(ts.optimizer().label(),
            "Scheduler(Adam(Exp(0.1, 0.8), beta = (0.5, 0.9), epsilon = 1e-08))");
}

TEST(Scheduler, AnotherScheduleTakesTheFirstOnesPlace) {
  EXPECT_EQ(Scheduler(Scheduler(Descent(), Exp(1, 0.5)), 0.25).label(), "Scheduler(Descent(0.25))");
}

TEST(Scheduler, PrintsItsSchedule) {
  std::ostringstream out;
  out << OptimiserChain(ClipGlobalNorm(1.0), Scheduler(Momentum(), {.lr = Exp(1, 0.5), .rho = 0.5}))
      << "; " << Scheduler(SignDescent{}, 0.25);
  EXPECT_EQ(out.str(),
            "OptimiserChain(ClipGlobalNorm(1, p = 2), Scheduler(Momentum(Exp(1, 0.5), 0.5))); "
            "Scheduler(SignDescent(0.10), lr = 0.25)");
}

TEST(Scheduler, RefusesWhatHasNoSuchHyperParameter) {
  EXPECT_ERROR(ArgumentError, Scheduler(ClipGrad(1), Exp(1, 0.5)),
               "[Scheduler] expected an optimizer with the hyper-parameter lr, got ClipGrad(1).");
  EXPECT_ERROR(ArgumentError, Scheduler(Adam(), {.lambda = 0.5}),
               "[Scheduler] expected an optimizer with the hyper-parameter lambda, got Adam(0.001, "
               "beta = (0.9, 0.999), epsilon = 1e-08).");
  EXPECT_ERROR(ArgumentError, Scheduler(Adam(), Schedules{}),
               "[Scheduler] expected at least one schedule, got none.");
}

TEST(Scheduler, AValueOutOfRangeNamesTheStepAndChangesNothing) {
  auto falling = schedule::Ramp(0.1, -0.1, 4);  // 0.05, 0, -0.05
  TrainState ts = of_one_layer(OptimiserChain(Momentum(0.1), Scheduler(Adam(), falling)));
  for (uint64_t i = 0; i < 2; ++i) single_train_step_(MSELoss{}, normal_batch(i), ts);
  Tree ps = ts.parameters(), state = ts.optimizer_state();
  for (int again = 0; again < 2; ++again) {
    EXPECT_ERROR(ArgumentError, single_train_step_(MSELoss{}, normal_batch(2), ts),
                 "[Scheduler] expected lr finite and at least 0, got -0.05000000000000002 from "
                 "Ramp(0.1, -0.1, 4) at step 3.");
  }
  EXPECT_SAME(ts.parameters(), ps);
  EXPECT_SAME(ts.optimizer_state(), state);
}

}  // namespace
}  // namespace luxtorch
