#include "luxtorch/layers/stateful.h"

#include <gtest/gtest.h>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

TEST(StatefulLayer, KeepsTheNewStatesOfEachCall) {
  Chain model(Dense(3, 8), Dropout(0.5));
  auto [ps, st] = setup(Rng(0), model);
  StatefulLayer s(model, ps, st);
  auto x = random::normal(Rng(1), {4, 3});
  auto [y1, st1] = apply(model, x, ps, st);
  auto [y2, st2] = apply(model, x, ps, st1);
  EXPECT_SAME(s(x), y1);
  EXPECT_SAME(s.states(), st1);
  EXPECT_SAME(s(x), y2);
  EXPECT_SAME(s.states(), st2);
  EXPECT_SAME(s.parameters(), ps);
}

TEST(StatefulLayer, TakesStatesAndOtherParameters) {
  Dense model(3, 2);
  auto [ps, st] = setup(Rng(0), model);
  StatefulLayer s(model, ps, st);
  auto other = setup(Rng(1), model).first;
  auto x = random::normal(Rng(1), {4, 3});
  EXPECT_SAME(s(x, other), Tree(model(x, other, st).first));
  EXPECT_SAME(s(x), Tree(model(x, ps, st).first));

  StatefulLayer dropout(Dropout(0.5), named({}), setup(Rng(0), Dropout(0.5)).second);
  dropout.set_states_(testmode(dropout.states()));
  EXPECT_SAME(dropout(x), Tree(x));
  dropout.trainmode_();
  EXPECT_TRUE(dropout.states()["training"].scalar<bool>());
  EXPECT_FALSE(tree::equal(dropout(x), Tree(x)));
  dropout.testmode_();
  EXPECT_SAME(dropout(x), Tree(x));
  dropout.update_state_("rng", Rng(7));
  EXPECT_SAME(dropout.states()["rng"], Tree(Rng(7)));
}

TEST(StatefulLayer, KeepsItsStatesWhenACallFails) {
  Chain model(Dropout(0.5), Dense(3, 2));
  auto [ps, st] = setup(Rng(0), model);
  StatefulLayer s(model, ps, st);
  EXPECT_ERROR(ShapeError, s(ones({4, 5})),
               "[Dense] at layer_2: expected x of shape (..., 3), got (4, 5).");
  EXPECT_SAME(s.states(), st);
}

TEST(StatefulLayer, GivesGradientsWithinAModel) {
  // The penalty on a model's slope: a gradient by x inside a function that is differentiated by ps.
  Dense model(2, 1, tanh);
  auto [ps32, st] = setup(Rng(0), model);
  auto ps = tree::to(ps32, kFloat64);
  auto x = named({{"x", random::normal(Rng(1), {5, 2}, 0, 1, kFloat64)}});
  StatefulLayer s(model, ps, st);
  auto penalty = [&](const Tree& p) {
    auto slope = [&](const Tree& in) { return s(in["x"], p).tensor().sum(); };
    return grad(slope, x, {.create_graph = true})["x"].tensor().square().sum();
  };
  auto w = ps["weight"].tensor();
  auto y = model(x["x"].tensor(), ps, st).first;
  auto value = value_and_grad(penalty, ps);
  auto slope = (1 - y * y) * w;  // by hand
  EXPECT_CLOSE(value.value, slope.square().sum(), kPlainFloat64);
  auto by_bias = (slope.square() * (y * -4)).sum().reshape({1});
  EXPECT_CLOSE(value.grads["bias"].tensor(), by_bias, kPlainFloat64);
}

}  // namespace
}  // namespace luxtorch::testing
