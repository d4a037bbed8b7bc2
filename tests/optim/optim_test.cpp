#include "luxtorch/optim/optim.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <sstream>

#include "optim/optim_cases.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

using namespace testing;

TEST(Optim, UpdateChangesNoneOfItsArguments) {
  for (const Optimizer& o : every_kind()) {
    SCOPED_TRACE(o.label());
    Tree ps = parameters(), grads = gradients(5), state = o.init(ps);
    auto [ps0, grads0, state0] = std::array{deep_copy(ps), deep_copy(grads), deep_copy(state)};
    for (int i = 0; i < 3; ++i) (void)o.update(grads, state, ps);
    EXPECT_SAME(ps, ps0);
    EXPECT_SAME(grads, grads0);
    EXPECT_SAME(state, state0);
  }
}

TEST(Optim, UpdateRepeatsItselfAndKeepsStructureDtypeAndShape) {
  for (Dtype dtype : {kFloat32, kFloat64, Dtype::BFloat16}) {
    for (const Optimizer& o : every_kind()) {
      SCOPED_TRACE(o.label());
      Tree ps = parameters(dtype), state = o.init(ps);
      auto [ps1, state1] = o.update(gradients(5, dtype), state, ps);
      auto [ps2, state2] = o.update(gradients(5, dtype), state, ps);
      EXPECT_SAME(ps1, ps2);
      EXPECT_SAME(state1, state2);
      EXPECT_EQ(tree::difference(ps, ps1), "");
      EXPECT_EQ(tree::difference(state, state1), "");
    }
  }
}

TEST(Optim, TransformGivesWhatUpdateSubtracts) {
  for (const Optimizer& o : every_kind()) {
    SCOPED_TRACE(o.label());
    Tree ps = parameters(kFloat64), grads = gradients(5, kFloat64), state = o.init(ps);
    for (int i = 0; i < 3; ++i) {
      auto [d, state_d] = o.transform(grads, state, ps);
      auto [next, state_next] = o.update(grads, state, ps);
      EXPECT_SAME(state_d, state_next);
      Tree by_hand =
          tree::zip([](const Tree& x,
                       const Tree& y) { return y.is_none() ? x : Tree(x.tensor() - y.tensor()); },
                    ps, d);
      EXPECT_TREES_CLOSE(next, by_hand, 1e-15);
      ps = next, state = state_next;
    }
  }
}

TEST(Optim, AParameterWithoutAGradientDoesNotDecayMoveOrCount) {
  for (const Optimizer& o : every_kind()) {
    SCOPED_TRACE(o.label());
    Tree ps = parameters(), state = o.init(ps);
    Tree grads = gradients(5).with("dense.bias", Tree());
    auto [next, next_state] = o.update(grads, state, ps);
    EXPECT_SAME(next["dense"]["bias"], ps["dense"]["bias"]);
    for (const auto& path : tree::paths(state)) {
      if (path.ends_with("bias")) {
        EXPECT_SAME(next_state.at(path), state.at(path));
      }
    }
    EXPECT_FALSE(tree::equal(next, ps) && tree::equal(next_state, state));
  }
}

TEST(Optim, NothingMayStandForAWholePartOfTheGradients) {
  Optimizer o = AdamW(0.1, {.lambda = 0.5});
  Tree ps = parameters(), state = o.init(ps);
  auto [next, next_state] = o.update(gradients(5).with("dense", Tree()), state, ps);
  EXPECT_SAME(next["dense"], ps["dense"]);
  EXPECT_FALSE(tree::equal(next["scale"], ps["scale"]));
  auto [same, same_state] = o.update(Tree(), state, ps);
  EXPECT_SAME(same, ps);
  EXPECT_SAME(same_state, state);
}

TEST(Optim, AParameterThatWasSkippedIsBehindInItsCount) {
  Adam adam(0.1);
  Tree ps = parameters(kFloat64), g = gradients(5, kFloat64);
  Tree late = adam.init(ps);
  Tree moved = ps;
  for (int i = 0; i < 3; ++i)
    std::tie(moved, late) = adam.update(g.with("scale", Tree()), late, moved);
  EXPECT_EQ(late.at("step.scale").scalar<int64_t>(), 0);
  EXPECT_EQ(late.at("step.dense.bias").scalar<int64_t>(), 3);
  auto first = adam.update(g, adam.init(ps), ps).first;
  EXPECT_SAME(adam.update(g, late, moved).first["scale"], first["scale"]);
}

TEST(Optim, OtherLeavesStayAsTheyAre) {
  Tree ps = parameters()
                .with("tokens", arange(3))
                .with("name", "x")
                .with("none", Tree())
                .with("empty", zeros({0, 2}));
  Tree grads = gradients(5)
                   .with("tokens", Tree())
                   .with("name", Tree())
                   .with("none", Tree())
                   .with("empty", zeros({0, 2}));
  Adam adam(0.1);
  auto [next, state] = adam.update(grads, adam.init(ps), ps);
  EXPECT_SAME(next["tokens"], ps["tokens"]);
  EXPECT_SAME(next["name"], ps["name"]);
  EXPECT_TRUE(state["m"]["tokens"].is_none());
  EXPECT_EQ(next["empty"].tensor().sizes(), Shape({0, 2}));
  EXPECT_FALSE(tree::equal(next["dense"], ps["dense"]));
}

TEST(Optim, ATensorAtTwoPlacesIsOneParameterWhoseGradientsAdd) {
  Tensor w = values({4}, 1, kFloat64), g1 = values({4}, 2, kFloat64), g2 = values({4}, 3, kFloat64);
  Tree tied = named({{"encoder", w}, {"decoder", w}});
  Adam adam(0.1);
  auto [next, state] =
      adam.update(named({{"encoder", g1}, {"decoder", g2}}), adam.init(tied), tied);
  Tree alone = named({{"w", w}});
  auto expected = adam.update(named({{"w", g1 + g2}}), adam.init(alone), alone).first;
  EXPECT_SAME(next["encoder"], expected["w"]);
  EXPECT_SAME(next["decoder"], expected["w"]);
  EXPECT_EQ(next["encoder"].tensor().const_data_ptr(), next["decoder"].tensor().const_data_ptr());
  EXPECT_EQ(state.at("step.encoder").scalar<int64_t>(), 1);
}

TEST(Optim, EveryDtypeOfATreeMovesByItsOwnRule) {
  Tree ps = named({{"a", values({3}, 1, kFloat32)},
                   {"b", values({3}, 2, kFloat64)},
                   {"c", values({3}, 3, Dtype::BFloat16)}});
  Tree grads = named({{"a", values({3}, 4, kFloat32)},
                      {"b", values({3}, 5, kFloat64)},
                      {"c", values({3}, 6, Dtype::BFloat16)}});
  Adam adam(0.1);
  auto next = adam.update(grads, adam.init(ps), ps).first;
  for (const char* key : {"a", "b", "c"}) {
    Tree one = named({{key, ps[key]}});
    EXPECT_SAME(next[key], adam.update(named({{key, grads[key]}}), adam.init(one), one).first[key]);
    EXPECT_CLOSE(next[key].tensor().to(kFloat64),
                 (ps[key].tensor() - grads[key].tensor().sign() * 0.1).to(kFloat64), 5e-2);
  }
}

TEST(Optim, GradientsMayHaveAnyStrides) {
  Tree ps = named({{"w", values({4, 6}, 1)}});
  Tensor g = values({6, 4}, 2).t();
  Adam adam(0.1);
  EXPECT_SAME(adam.update(named({{"w", g}}), adam.init(ps), ps).first,
              adam.update(named({{"w", g.contiguous()}}), adam.init(ps), ps).first);
  Tensor one = full({}, 0.5).expand({4, 6});
  EXPECT_CLOSE(Descent(0.1).update(named({{"w", one}}), Descent().init(ps), ps).first["w"].tensor(),
               ps["w"].tensor() - 0.05, 1e-6);
}

TEST(Optim, LargeArraysGiveTheSameBitsOnAnyNumberOfThreads) {
  Tree ps = named({{"w", values({300, 301}, 1)}, {"b", values({77}, 2)}});
  Tree grads = named({{"w", values({300, 301}, 3)}, {"b", values({77}, 4)}});
  Optimizer o = OptimiserChain(ClipNorm(1.0), ClipGlobalNorm(0.9), Adam(0.1));
  int before = at::get_num_threads();
  at::set_num_threads(1);
  auto one = o.update(grads, o.init(ps), ps);
  at::set_num_threads(4);
  auto four = o.update(grads, o.init(ps), ps);
  at::set_num_threads(before);
  EXPECT_SAME(one.first, four.first);
  EXPECT_SAME(one.second, four.second);
}

TEST(Optim, LoopsAndTensorFormulasAgree) {
  // bfloat16 has no loop of its own: its formulas run as torch operations, here compared at its
  // precision.
  for (const Optimizer& o : every_kind()) {
    SCOPED_TRACE(o.label());
    Tree ps = tree::to(parameters(Dtype::BFloat16), kFloat32),
         grads = tree::to(gradients(5, Dtype::BFloat16), kFloat32);
    Tree low = tree::to(ps, Dtype::BFloat16), low_grads = tree::to(grads, Dtype::BFloat16);
    Tree state = o.init(ps), low_state = o.init(low);
    for (int i = 0; i < 2; ++i) {
      std::tie(ps, state) = o.update(grads, state, ps);
      std::tie(low, low_state) = o.update(low_grads, low_state, low);
    }
    EXPECT_LT(relative_difference(tree::to(low, kFloat32), ps), 3e-2);
  }
}

RC_GTEST_PROP(OptimProperties, DescentMovesAgainstTheGradient,
              (std::vector<double> x, std::vector<double> g)) {
  size_t n = std::min(x.size(), g.size());
  x.resize(n), g.resize(n);
  Tree ps = named({{"w", tensor(x, {.dtype = kFloat64})}}),
       grads = named({{"w", tensor(g, {.dtype = kFloat64})}});
  Tree next = Descent(0.5).update(grads, named({}), ps).first;
  for (size_t i = 0; i < n; ++i) {
    RC_ASSERT(next["w"].tensor()[static_cast<int64_t>(i)].item<double>() == x[i] - 0.5 * g[i]);
  }
}

RC_GTEST_PROP(OptimProperties, ClipNormNeverLeavesALongerGradient, (std::vector<double> g)) {
  Tree ps = named({{"w", zeros({static_cast<int64_t>(g.size())}, {.dtype = kFloat64})}});
  for (double& v : g) v = std::fmod(v, 1e6);
  Tree grads = named({{"w", tensor(g, {.dtype = kFloat64})}});
  ClipNorm clip(2.0);
  Tensor d = clip.transform(grads, clip.init(ps), ps).first["w"].tensor();
  double before = grads["w"].tensor().norm().item<double>(), after = d.norm().item<double>();
  RC_ASSERT(after <= std::min(before, 2.0) * (1 + 1e-12));
  RC_ASSERT(before > 2.0 || tree::equal(Tree(d), grads["w"]));
}

TEST(Optim, PrintsItsRuleAndNumbers) {
  std::ostringstream out;
  out << Optimizer(OptimiserChain(ClipNorm(1.0), AdamW(1e-3, {.lambda = 0.01})));
  EXPECT_EQ(out.str(),
            "OptimiserChain(ClipNorm(1, p = 2), AdamW(0.001, beta = (0.9, 0.999), lambda = 0.01, "
            "epsilon = 1e-08))");
  EXPECT_EQ(RMSProp(0.1, {.centred = true}).label(),
            "RMSProp(0.1, rho = 0.9, epsilon = 1e-08, centred = true)");
  EXPECT_EQ(AdamW(0.1, {.couple = false}).label(),
            "AdamW(0.1, beta = (0.9, 0.999), lambda = 0, epsilon = 1e-08, couple = false)");
}

}  // namespace
}  // namespace luxtorch
