#include "luxtorch/train/ema.h"

#include <gtest/gtest.h>

#include <cmath>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/error.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/ties.h"
#include "luxtorch/train/freeze.h"
#include "train/train_state_cases.h"

namespace luxtorch::testing {
namespace {

// Parameters after update n of a training that is not one.
Tree at(int n, Dtype dtype = kFloat32) {
  return tree::to(named({{"w", values({5, 3}, 1 + n)}, {"b", values({3}, 20 + n)}}), dtype);
}
Tree mapped(const Tree& a, const Tree& b, double x, double y) {
  return tree::zip(
      [&](const Tree& p, const Tree& q) { return Tree(p.tensor() * x + q.tensor() * y); }, a, b);
}
Tree in_float64(int n) { return tree::to(at(n), kFloat64); }

TEST(Ema, FollowsItsFormulaFromAFirstCopy) {
  for (double decay : {0.999, 0.9, 0.25, 0.0}) {
    Ema ema(decay, at(0));
    EXPECT_SAME(ema.parameters(), at(0));
    Tree expected = in_float64(0);
    for (int n = 1; n <= 20; ++n) {
      ema.update_(at(n));
      expected = mapped(expected, in_float64(n), decay, 1 - decay);
    }
    EXPECT_TREES_CLOSE(ema.parameters(), tree::to(expected, kFloat32), 1e-6);
    EXPECT_EQ(ema.updates(), 20);
  }
}

TEST(Ema, WithoutDecayIsTheLastUpdateExactly) {
  Ema ema(0, at(0));
  ema.update_(at(1));
  EXPECT_SAME(ema.parameters(), at(1));
}

TEST(Ema, DebiasedIsTheWeightedMeanOfTheUpdates) {
  const double decay = 0.9;
  Ema ema(decay, at(0), {.debias = true});
  EXPECT_ERROR(ArgumentError, ema.parameters(),
               "[Ema::parameters] expected an update before, got none: a debiased average of "
               "nothing.");
  Tree expected = mapped(in_float64(0), in_float64(0), 0, 0);
  for (int n = 1; n <= 5; ++n) {
    ema.update_(at(n));
    expected = mapped(expected, in_float64(n), decay, 1 - decay);
    EXPECT_TREES_CLOSE(
        ema.parameters(),
        tree::to(mapped(expected, expected, 1 / (1 - std::pow(decay, n)), 0), kFloat32), 2e-6);
  }
}

TEST(Swa, IsTheMean) {
  Swa swa(in_float64(0));
  Tree sum = in_float64(0);
  for (int n = 1; n <= 9; ++n) {
    swa.update_(in_float64(n));
    sum = mapped(sum, in_float64(n), 1, 1);
    EXPECT_TREES_CLOSE(swa.parameters(), mapped(sum, sum, 1. / (n + 1), 0), 1e-12);
  }
  Swa narrow(at(0));
  narrow.update_(at(1));
  EXPECT_TREES_CLOSE(narrow.parameters(), mapped(at(0), at(1), 0.5, 0.5), 1e-6);
}

TEST(Ema, OfNarrowParametersIsKeptInFloat32) {
  for (auto dtype : {Dtype::BFloat16, Dtype::Half}) {
    Tree one = named({{"w", ones({40}).to(dtype)}});
    Ema ema(0.999, named({{"w", zeros({40}).to(dtype)}}));
    for (int n = 0; n < 2000; ++n) ema.update_(one);
    EXPECT_EQ(ema.parameters()["w"].tensor().scalar_type(), dtype);
    EXPECT_EQ(ema.state()["parameters"]["w"].tensor().scalar_type(), kFloat32);
    EXPECT_CLOSE(ema.state()["parameters"]["w"].tensor(), full({40}, 1 - std::pow(0.999, 2000)),
                 1e-4);
  }
  Ema wide(0.5, at(0, kFloat64));
  wide.update_(at(1, kFloat64));
  EXPECT_TREES_CLOSE(wide.parameters(), mapped(at(0, kFloat64), at(1, kFloat64), 0.5, 0.5), 1e-15);
}

TEST(Ema, KeepsTiesAndTakesOtherLeavesAsTheyAre) {
  auto tied = [](int n) {
    Tensor w = values({4}, n);
    return named({{"a", w}, {"b", w}, {"n", n}, {"tokens", full({2}, n).to(kInt64)}, {"s", "x"}});
  };
  Ema ema(0.5, tied(0));
  ema.update_(tied(1));
  ema.update_(tied(2));
  Tree now = ema.parameters();
  EXPECT_EQ(ties(now), ties(tied(0)));
  EXPECT_CLOSE(now["a"].tensor(),
               values({4}, 0) * 0.25 + values({4}, 1) * 0.25 + values({4}, 2) * 0.5, 1e-6);
  EXPECT_EQ(now["n"].scalar<int64_t>(), 2);
  EXPECT_SAME(now["tokens"], full({2}, 2).to(kInt64));
  EXPECT_EQ(now["s"].scalar<std::string>(), "x");
}

TEST(Ema, IsAValueAndGivesSnapshots) {
  Ema ema(0.5, at(0));
  Tree before = ema.parameters(), state = ema.state();
  Ema copy = ema;
  ema.update_(at(1));
  EXPECT_SAME(before, at(0));
  EXPECT_SAME(state["parameters"], at(0));
  EXPECT_SAME(copy.parameters(), at(0));
  copy.update_(at(1));
  EXPECT_SAME(copy.parameters(), ema.parameters());
  // Where nobody holds the memory it is updated in place.
  before = Tree(), state = Tree();
  const void* memory = ema.parameters()["w"].tensor().const_data_ptr();
  ema.update_(at(2));
  EXPECT_EQ(ema.parameters()["w"].tensor().const_data_ptr(), memory);
}

TEST(Ema, GoesWithATrainState) {
  Chain with_statistics(Dense(3, 4), BatchNorm(4), Dense(4, 1));
  auto [ps, st] = setup(Rng(1), with_statistics);
  TrainState ts(with_statistics, ps, st, Adam(0.01));
  freeze_(ts, "layer_1");
  Ema ema(0.9, ts);
  for (int i = 0; i < 3; ++i) {
    single_train_step_(MSELoss{}, batch(i), ts);
    ema.update_(ts);
  }
  EXPECT_SAME(ema.states(), ts.states());
  EXPECT_SAME(ema.parameters()["layer_1"], ps["layer_1"]);  // frozen
  EXPECT_FALSE(tree::equal(ema.parameters()["layer_3"], ps["layer_3"]));
  EXPECT_FALSE(ema.parameters()["layer_3"]["weight"].tensor().requires_grad());
  predict(ts.model, batch(0)[0], ema.parameters(), ema.states());
}

TEST(Ema, ManyElementsAreTheSameForAnyNumberOfThreads) {
  Tree a = named({{"w", values({400, 500}, 1)}}), b = named({{"w", values({400, 500}, 2)}});
  Ema ema(0.999, a);
  ema.update_(b);
  Ema part(0.999, named({{"w", a["w"].tensor().narrow(0, 3, 1)}}));
  part.update_(named({{"w", b["w"].tensor().narrow(0, 3, 1)}}));
  EXPECT_SAME(ema.parameters()["w"].tensor().narrow(0, 3, 1), part.parameters()["w"].tensor());
  Ema turned(0.999, named({{"w", a["w"].tensor().t()}}));
  turned.update_(named({{"w", b["w"].tensor().t()}}));
  EXPECT_SAME(turned.parameters()["w"].tensor().t(), ema.parameters()["w"].tensor());
}

TEST(Ema, ItsStateGoesOnBitForBit) {
  Tree narrow = tree::to(at(0), Dtype::BFloat16);
  for (bool debias : {false, true}) {
    Ema ema(0.99, narrow, {.debias = debias}), again(0.99, narrow, {.debias = debias});
    for (int n = 1; n < 4; ++n) ema.update_(at(n, Dtype::BFloat16));
    again.set_state_(ema.state());
    EXPECT_SAME(again.state(), ema.state());
    for (int n = 4; n < 8; ++n)
      ema.update_(at(n, Dtype::BFloat16)), again.update_(at(n, Dtype::BFloat16));
    EXPECT_SAME(again.state(), ema.state());
    EXPECT_SAME(again.parameters(), ema.parameters());
  }
}

TEST(EmaErrors, LeaveItAsItWas) {
  EXPECT_ERROR(ArgumentError, Ema(1, at(0)), "[Ema] expected a decay in [0, 1), got 1.");
  EXPECT_THROW(Ema(NAN, at(0)), ArgumentError);
  Ema ema(0.5, at(0));
  EXPECT_ERROR(ShapeError, ema.update_(at(1).with("b", ones({4}))),
               "[Ema::update_] at b: expected a parameter: a float32 tensor of shape (3,) on cpu, "
               "got a float32 tensor of shape (4,) on cpu.");
  EXPECT_THROW(ema.update_(at(1).without("b")), TreeError);
  EXPECT_THROW(ema.update_(at(1).with("b", Tree())), ShapeError);
  EXPECT_ERROR(TreeError, ema.set_state_(Swa(at(0)).state()),
               "[Ema::set_state_] expected what state() of the average \"Ema\" gave, got that of "
               "\"Swa\".");
  EXPECT_THROW(ema.set_state_(Tree()), TreeError);
  EXPECT_THROW(ema.set_state_(Ema(0.5, named({{"w", ones({5, 3})}})).state()), TreeError);
  auto followed = [&](const Tree& ps) {
    ema.update_(ps);
    return ps["w"].tensor().sum();
  };
  EXPECT_ERROR(
      ArgumentError, grad(followed)(at(1)),
      "[Ema::update_] at w: expected a tensor that no derivative or transform follows, got "
      "one of a function that is being differentiated or transformed; an average would "
      "make a constant of it. Take it into the average after the gradient, or give it as "
      "tree::detach gives it.");
  EXPECT_SAME(ema.state(), Ema(0.5, at(0)).state());
}

TEST(EmaErrors, OtherValuesAtATiedPlaceChangeNothing) {
  const Tensor w = values({5, 3}, 1);
  Ema ema(0.5, named({{"a", w}, {"b", w}}));
  const Tree before = ema.state();
  const Tree apart = named({{"a", values({5, 3}, 2)}, {"b", values({5, 3}, 3)}});
  EXPECT_ERROR(ArgumentError, ema.update_(apart),
               "[Ema::update_] at b: expected the values of a, with which it is tied, got others. "
               "Give both the same, or make a TrainState whose parameters are not tied.");
  EXPECT_THROW(ema.set_state_(before.with("parameters", apart)), ArgumentError);
  EXPECT_SAME(ema.state(), before);
}

}  // namespace
}  // namespace luxtorch::testing
