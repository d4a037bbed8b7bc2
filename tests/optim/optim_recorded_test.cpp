// Derivatives of an update, updates under transforms, and parameters of narrow dtypes.
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>

#include "luxtorch/autodiff/derivatives.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/autodiff/vmap.h"
#include "luxtorch/optim/scheduler.h"
#include "optim/optim_cases.h"
#include "support/compare.h"
#include "support/finite_differences.h"

namespace luxtorch {
namespace {

using namespace testing;

Tensor weighted(const Tree& t) {
  Tensor sum = zeros({}, {.dtype = kFloat64});
  double seed = 0.3;
  for (const Tensor& x : tree::tensors(t)) {
    sum = sum + (x * values(x.sizes(), seed, kFloat64)).sum();
    seed += 1;
  }
  return sum;
}

std::vector<Optimizer> all_of_them() {
  auto all = every_kind();
  all.push_back(OptimiserChain(ClipGlobalNorm(0.5, {.p = INFINITY}), Descent()));
  all.push_back(OptimiserChain(AccumGrad(1), ClipNorm(0.5, {.p = 1}), Momentum()));
  all.push_back(Scheduler(Adam(), schedule::Exp(0.1, 0.5)));
  all.push_back(OptimiserChain(Adam(), Double()));
  return all;
}

// Two updates, so that moments count, of gradients and parameters that both vary.
TEST(OptimRecorded, DerivativesOfEveryRuleAreFiniteDifferences) {
  for (const Optimizer& o : all_of_them()) {
    for (bool directions : {false, true}) {
      SCOPED_TRACE(o.label());
      auto f = [&](const Tree& in) {
        const Tree &ps = in["ps"], &g = in["grads"];
        auto [next, state] = o.update(g, o.init(ps), ps);
        auto last = directions ? o.transform(g, state, next) : o.update(g, state, next);
        return weighted(tuple({last.first, last.second}));
      };
      Tree at = named({{"ps", parameters(kFloat64)}, {"grads", gradients(5, kFloat64)}});
      EXPECT_TRUE(
          gradients_match(f, at, value_and_grad(f, at).grads, {.step = 1e-6, .tolerance = 1e-5}));
    }
  }
}

TEST(OptimRecorded, GivesWhatThePlainUpdateGives) {
  for (const Optimizer& o : all_of_them()) {
    SCOPED_TRACE(o.label());
    Tree ps = parameters(kFloat64), g = gradients(5, kFloat64), state = o.init(ps);
    Tree tracked =
        tree::map_tensors([](const Tensor& t) { return t.clone().requires_grad_(); }, ps);
    Tree recorded = state;
    for (int i = 0; i < 3; ++i) {
      std::tie(ps, state) = o.update(g, state, ps);
      std::tie(tracked, recorded) = o.update(g, recorded, tracked);
    }
    EXPECT_TRUE(tracked["scale"].tensor().requires_grad());
    EXPECT_TREES_CLOSE(tree::detach(tracked), ps, 1e-13);
    EXPECT_TREES_CLOSE(tree::detach(recorded), state, 1e-13);
    const at::NoGradGuard no_grad;
    EXPECT_FALSE(o.update(g, recorded, tracked).first["scale"].tensor().requires_grad());
  }
}

// The gradient of a loss after a step of the inner loop, by the parameters before it.
TEST(OptimRecorded, LearnsThroughAnInnerStep) {
  Adam adam(0.1);
  auto inner = [](const Tree& ps) { return (ps["w"].tensor().pow(2) * 0.5).sum(); };
  auto meta = [&](const Tree& ps) {
    auto [value, grads] = value_and_grad(inner, ps);
    return inner(adam.update(grads, adam.init(ps), ps).first);
  };
  Tree ps = named({{"w", tensor({0.5, -1.5}, {.dtype = kFloat64})}});
  Tree found = value_and_grad(meta, ps).grads;
  EXPECT_TRUE(gradients_match(meta, ps, found, {.tolerance = 1e-6}));
  // Adam's first step is lr sign(g), whatever g's size.
  EXPECT_CLOSE(found["w"].tensor(), tensor({0.4, -1.4}, {.dtype = kFloat64}), 1e-6);
}

// d = lr g / (|g| + epsilon) has the slope lr / epsilon at 0.
TEST(OptimRecorded, AGradientOfZeroHasAFiniteDerivative) {
  Adam adam(0.1, {.epsilon = 0.5});
  Tree ps = named({{"w", zeros({2}, {.dtype = kFloat64})}});
  auto f = [&](const Tree& g) { return weighted(adam.update(g, adam.init(ps), ps).first); };
  Tree at = named({{"w", zeros({2}, {.dtype = kFloat64})}});
  EXPECT_CLOSE(value_and_grad(f, at).grads["w"].tensor(), values({2}, 0.3, kFloat64) * (-0.1 / 0.5),
               1e-12);
}

TEST(OptimRecorded, ForwardModeAgreesWithReverse) {
  for (const Optimizer& o : all_of_them()) {
    SCOPED_TRACE(o.label());
    auto f = [&](const Tree& in) {
      auto [next, state] = o.update(in["grads"], o.init(in["ps"]), in["ps"]);
      return Tree(weighted(o.update(in["grads"], state, next).first));
    };
    Tree at = named({{"ps", parameters(kFloat64)}, {"grads", gradients(5, kFloat64)}});
    Tree along = named({{"ps", parameters(kFloat64)}, {"grads", gradients(8, kFloat64)}});
    auto grads = value_and_grad([&](const Tree& in) { return f(in).tensor(); }, at).grads;
    double expected = 0;
    auto a = tree::tensors(grads), b = tree::tensors(along);
    for (size_t i = 0; i < a.size(); ++i) expected += (a[i] * b[i]).sum().item<double>();
    EXPECT_NEAR(jvp(f, at, along).dy.tensor().item<double>(), expected,
                1e-9 * (1 + std::abs(expected)));
  }
}

TEST(OptimRecorded, VmapTrainsEachSampleByItself) {
  for (const Optimizer& o : all_of_them()) {
    SCOPED_TRACE(o.label());
    auto train = [&](const Tree& start, const Tree& g) {
      Tree ps = start, state = o.init(ps);
      for (int i = 0; i < 2; ++i) std::tie(ps, state) = o.update(g, state, ps);
      return ps;
    };
    auto stacked = [](const Tree& a, const Tree& b) {
      return tree::zip(
          [](const Tree& x, const Tree& y) { return Tree(stack({x.tensor(), y.tensor()})); }, a, b);
    };
    Tree a = parameters(kFloat64), b = gradients(3, kFloat64), ga = gradients(5, kFloat64),
         gb = gradients(9, kFloat64);
    Tree both = vmap(train)(stacked(a, b), stacked(ga, gb));
    EXPECT_TREES_CLOSE(both, stacked(train(a, ga), train(b, gb)), 1e-13);
  }
}

// The rate of each parameter is learned by the loss after two steps with it.
TEST(OptimRecorded, LearnsRates) {
  Adam adam(1);
  auto inner = [](const Tree& ps) { return (ps["w"].tensor() - 2).pow(4).sum(); };
  Tree start = named({{"w", values({3}, 1, kFloat64)}});
  auto meta = [&](const Tree& rates) {
    Tree ps = start, state = adam.init(ps);
    for (int i = 0; i < 2; ++i) {
      auto [d, next] = adam.transform(grad(inner, ps), state, ps);
      ps = tree::zip(
          [&](const Tree& x, const Tree& by) {
            return Tree(x.tensor() - rates["w"].tensor() * by.tensor());
          },
          ps, d);
      state = next;
    }
    return inner(ps);
  };
  Tree rates = named({{"w", tensor({0.1, 0.2, 0.3}, {.dtype = kFloat64})}});
  EXPECT_TRUE(gradients_match(meta, rates, grad(meta, rates), {.tolerance = 1e-6}));
}

// A parameter of each sample, and a part of the same memory that all samples share.
TEST(OptimRecorded, MappedAndSharedViewsOfOneMemoryAreTwoParameters) {
  Tensor m = values({3, 3}, 1, kFloat64), g = values({3, 3}, 2, kFloat64);
  auto step = [](const Tree& ps, const Tree& grads) {
    Descent o(0.5);
    return o.update(grads, o.init(ps), ps).first;
  };
  Tree moved = vmap([&](const Tensor& row) {
    Tree ps = named({{"row", row}, {"first", m[0]}}),
         grads = named({{"row", row * 0 + 1}, {"first", g[0]}});
    return step(ps, grads);
  })(m);
  EXPECT_CLOSE(moved["row"].tensor(), m - 0.5, 1e-15);
  EXPECT_CLOSE(moved["first"].tensor()[2], m[0] - g[0] * 0.5, 1e-15);
}

TEST(OptimRecorded, TiedParametersMoveOnceByTheSum) {
  Tensor w = values({4}, 1, kFloat64);
  Adam adam(0.1);
  auto f = [&](const Tensor& x) {
    Tree ps = named({{"a", x}, {"b", x}}), g = named({{"a", x * 2}, {"b", x.sin()}});
    return adam.update(g, adam.init(ps), ps).first;
  };
  Tree plain = f(w), recorded = f(w.clone().requires_grad_());
  EXPECT_TRUE(recorded["a"].tensor().is_same(recorded["b"].tensor()));
  EXPECT_TREES_CLOSE(tree::detach(recorded), plain, 1e-14);
}

TEST(OptimRecorded, WhatDoesNotFitIsNamed) {
  Adam adam;
  Tree ps = named({{"w", zeros({2}).requires_grad_()}});
  EXPECT_THROW(adam.update(named({{"v", zeros({2})}}), adam.init(ps), ps), TreeError);
  EXPECT_ERROR(
      ShapeError, adam.update(named({{"w", zeros({3})}}), adam.init(ps), ps),
      "[update] at w: expected a gradient as its parameter: a float32 tensor of shape (2,) "
      "on cpu, got a float32 tensor of shape (3,) on cpu.");
  EXPECT_THROW(adam.update(ps, Tree(), ps), TreeError);
  ClipNorm clip;
  EXPECT_THROW(clip.update(named({{"w", full({2}, NAN)}}), clip.init(ps), ps), ArgumentError);
}

TEST(OptimNarrow, ParametersOfFloat16MoveAsThoseOfFloat32Do) {
  for (Dtype dtype : {Dtype::Half, Dtype::BFloat16}) {
    for (const Optimizer& o : every_kind()) {
      SCOPED_TRACE(o.label());
      // Gradients whose squares are 0 and infinite in half.
      Tree g = named({{"w", tensor({1e-5, -1e-5, 0., 300., 0.25}).to(dtype)}});
      Tree ps = named({{"w", tensor({1., 1., 1., 1., 1.}).to(dtype)}});
      Tree wide = tree::to(ps, kFloat32), wide_g = tree::to(g, kFloat32);
      auto [next, state] = o.update(g, o.init(ps), ps);
      auto [expected, wide_state] = o.update(wide_g, o.init(wide), wide);
      EXPECT_TREES_CLOSE(tree::to(next, kFloat32), tree::to(tree::to(expected, dtype), kFloat32),
                         1e-6);
      EXPECT_TREES_CLOSE(state, wide_state, 1e-6);
    }
  }
}

TEST(OptimNarrow, ARecordedUpdateIsTheSame) {
  for (const Optimizer& o : every_kind()) {
    SCOPED_TRACE(o.label());
    Tree ps = parameters(Dtype::Half), g = gradients(5, Dtype::Half), state = o.init(ps);
    Tree tracked =
        tree::map_tensors([](const Tensor& t) { return t.clone().requires_grad_(); }, ps);
    auto [next, next_state] = o.update(g, state, ps);
    auto [other, other_state] = o.update(g, state, tracked);
    EXPECT_EQ(tree::difference(next, other), "");
    EXPECT_TREES_CLOSE(tree::to(tree::detach(other), kFloat32), tree::to(next, kFloat32), 1e-3);
    EXPECT_TREES_CLOSE(tree::detach(other_state), next_state, 1e-6);
  }
}

// Their squares are infinite or 0 in float32.
TEST(OptimExtremes, GradientsOf1e25And1em30NeverGiveNan) {
  for (const Optimizer& o : every_kind()) {
    SCOPED_TRACE(o.label());
    Tree ps = named({{"w", full({4}, 0.5)}}), state = o.init(ps);
    for (int i = 0; i < 12; ++i) {
      Tensor g = i < 8 ? tensor({1e25, -1e25, 1e-30, 0.}).to(kFloat32) : ones({4});
      std::tie(ps, state) = o.update(named({{"w", g}}), state, ps);
      EXPECT_FALSE(ps["w"].tensor().isnan().any().item<bool>()) << "update " << i + 1;
    }
  }
}

TEST(OptimExtremes, RulesWithoutSquaresAreRightAt1e25) {
  for (const Optimizer& o :
       {Optimizer(Descent(0.5)), Optimizer(Momentum(0.5)), Optimizer(Nesterov(0.5)),
        Optimizer(RAdam(0.5)), Optimizer(AdaMax(0.5)), Optimizer(Lion(0.5)), Optimizer(ClipNorm(1)),
        Optimizer(ClipGlobalNorm(1)), Optimizer(ClipGrad(1)), Optimizer(AccumGrad(1))}) {
    for (double size : {1e25, 1e-30}) {
      SCOPED_TRACE(o.label());
      Tree ps = named({{"w", zeros({3})}}), g = named({{"w", full({3}, size)}});
      Tree wide = tree::to(ps, kFloat64), wide_g = tree::to(g, kFloat64);
      Tree next = o.update(g, o.init(ps), ps).first;
      EXPECT_TREES_CLOSE(tree::to(next, kFloat64), o.update(wide_g, o.init(wide), wide).first,
                         1e-6);
    }
  }
}

TEST(OptimExtremes, NarrowGradientsHaveWideNorms) {
  Tree ps = named({{"w", zeros({3}).to(Dtype::BFloat16)}}),
       g = named({{"w", full({3}, 1e25).to(Dtype::BFloat16)}});
  for (const Optimizer& o : {Optimizer(ClipNorm(1)), Optimizer(ClipGlobalNorm(1))}) {
    Tensor next = o.update(g, o.init(ps), ps).first["w"].tensor();
    EXPECT_NEAR(next.to(kFloat64).norm().item<double>(), 1, 1e-2);
  }
}

// Their squares are infinite, and RAdam's first updates do not ask for them.
TEST(OptimExtremes, GradientsOf1e25MoveRAdamLikeItsMomentum) {
  RAdam radam(0.5);
  Tree ps = named({{"w", zeros({3})}}), g = named({{"w", full({3}, 1e25)}});
  Tree next = radam.update(g, radam.init(ps), ps).first;
  EXPECT_CLOSE(next["w"].tensor().to(kFloat64), full({3}, -0.5e25, {.dtype = kFloat64}), 1e-6);
}

}  // namespace
}  // namespace luxtorch
