// Rules that look at a whole parameter array: LAMB and Muon.
#include <gtest/gtest.h>

#include <cmath>

#include "luxtorch/autodiff/derivatives.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/optim/scheduler.h"
#include "optim/optim_cases.h"
#include "support/compare.h"
#include "support/golden.h"

namespace luxtorch {
namespace {

using namespace testing;

// You et al. 2020, with the norms' ratio itself.
Tree lamb_by_hand(int steps, double lr, double lambda) {
  Tree ps = parameters(kFloat64);
  Tree m = tree::map_tensors([](const Tensor& t) { return t * 0; }, ps), v = m;
  for (int t = 1; t <= steps; ++t) {
    const Tree g = gradients(t, kFloat64);
    auto mean = [&](double b, int power) {
      return [b, power](const Tree& old, const Tree& by) {
        return Tree(old.tensor() * b + by.tensor().pow(power) * (1 - b));
      };
    };
    m = tree::zip(mean(0.9, 1), m, g), v = tree::zip(mean(0.999, 2), v, g);
    auto adam = [&](const Tree& a, const Tree& b) {
      return Tree(a.tensor() / (1 - std::pow(0.9, t)) /
                  ((b.tensor() / (1 - std::pow(0.999, t))).sqrt() + 1e-6));
    };
    auto moved = [&](const Tree& x, const Tree& a) {
      const Tensor d = a.tensor() + x.tensor() * lambda;
      const double size = x.tensor().norm().item<double>(), way = d.norm().item<double>();
      return Tree(x.tensor() - d * (lr * (size > 0 && way > 0 ? size / way : 1)));
    };
    ps = tree::zip(moved, ps, tree::zip(adam, m, v));
  }
  return ps;
}

TEST(Lamb, IsItsFormula) {
  for (double lambda : {0.01, 0.0, 0.3}) {
    LAMB o(0.02, {.lambda = lambda});
    Tree ps = parameters(kFloat64), state = o.init(ps);
    for (int t = 1; t <= 5; ++t) std::tie(ps, state) = o.update(gradients(t, kFloat64), state, ps);
    EXPECT_TREES_CLOSE(ps, lamb_by_hand(5, 0.02, lambda), 1e-13);
  }
}

TEST(Lamb, WithoutANormItIsAdam) {
  Tree ps = named({{"w", zeros({3}, {.dtype = kFloat64})}}),
       g = named({{"w", values({3}, 1, kFloat64)}});
  LAMB o(0.1);
  Adam adam(0.1, {.epsilon = 1e-6});
  EXPECT_TREES_CLOSE(o.update(g, o.init(ps), ps).first, adam.update(g, adam.init(ps), ps).first,
                     1e-14);
  // Nor does it move where nothing points anywhere.
  Tree ones_ = named({{"w", ones({3}, {.dtype = kFloat64})}}),
       none = named({{"w", zeros({3}, {.dtype = kFloat64})}});
  LAMB still(0.1, {.lambda = 0});
  EXPECT_SAME(still.update(none, still.init(ones_), ones_).first, ones_);
}

TEST(Lamb, IsPrintedAdjustedAndScheduled) {
  EXPECT_EQ(adjust(LAMB(), {.lambda = 0.5}).label(),
            "LAMB(0.001, beta = (0.9, 0.999), lambda = 0.5, epsilon = 1e-06)");
  Optimizer o = Scheduler(LAMB(), schedule::Exp(0.1, 0.5));
  Tree ps = parameters(), g = gradients(1), state = o.init(ps), first = LAMB(0.1).init(ps);
  EXPECT_SAME(o.update(g, state, ps).first, LAMB(0.1).update(g, first, ps).first);
}

const Tree& muon_golden() {
  static const Tree golden = load_golden("muon");
  return golden;
}

// The iteration runs in bfloat16 here as there; its sums are ordered by the machine.
TEST(Muon, TenStepsAreThoseOfTorch) {
  const std::vector<std::pair<std::string, Optimizer>> all = {
      {"muon", Muon(0.02)},
      {"plain", Muon(0.02, {.rho = 0.9, .lambda = 0, .nesterov = false, .ns_steps = 3})},
      {"rms", Muon(0.02, {.ns_coefficients = {2.0, -1.5, 0.5}, .match_rms_adamw = true})}};
  for (const char* dtype : {"float64", "float32"}) {
    const Tree golden = muon_golden()[dtype];
    ASSERT_EQ(golden["cases"].size(), all.size());
    for (const auto& [name, o] : all) {
      SCOPED_TRACE(name);
      Tree ps = golden["start"], state = o.init(ps);
      for (size_t t = 0; t < golden["gradients"].size(); ++t) {
        std::tie(ps, state) = o.update(golden["gradients"][t], state, ps);
        const auto after = "after_" + std::to_string(t + 1);
        if (!golden["cases"][name].contains(after)) continue;
        EXPECT_TREES_CLOSE(ps, golden["cases"][name][after], 1e-3);
        // It is the way that counts: ten steps change a number of 3 by a few hundredths.
        auto way = [&](const Tree& now) {
          return tree::zip(
              [](const Tree& a, const Tree& b) { return Tree(a.tensor() - b.tensor()); }, now,
              golden["start"]);
        };
        EXPECT_LT(relative_difference(way(ps), way(golden["cases"][name][after])), 2e-2);
      }
    }
  }
}

// With singular values of about the same size.
Tree matrix(double seed, Dtype dtype) {
  Tensor t = values({4, 6}, seed, dtype) * 0.2;
  t.diagonal().add_(1);
  return named({{"w", t}});
}

TEST(Muon, DirectionsAreNearlyOrthogonal) {
  Tree ps = named({{"w", zeros({4, 6}, {.dtype = kFloat64})}}), g = matrix(1, kFloat64);
  Muon o(1, {.lambda = 0});
  const Tensor d = o.transform(g, o.init(ps), ps).first["w"].tensor();
  const Tensor squares = d.matmul(d.t()).diagonal();
  EXPECT_GT(squares.min().item<double>(), 0.3);
  EXPECT_LT(squares.max().item<double>(), 1.5);
}

TEST(Muon, InAChainAndInFloat16) {
  Tree ps = matrix(1, kFloat32), g = matrix(2, kFloat32);
  Optimizer o = OptimiserChain(ClipNorm(1), Muon(0.1), WeightDecay(0.1));
  auto [next, state] = o.update(g, o.init(ps), ps);
  Tree low = tree::to(ps, Dtype::BFloat16);
  Tree other = o.update(tree::to(g, Dtype::BFloat16), o.init(low), low).first;
  EXPECT_LT(relative_difference(tree::to(other, kFloat32), next), 2e-2);
}

TEST(Muon, IsPrintedAndSaved) {
  const Optimizer o = Muon(0.02, {.nesterov = false, .ns_steps = 3});
  EXPECT_EQ(
      o.label(),
      "Muon(0.02, rho = 0.95, lambda = 0.1, epsilon = 1e-07, nesterov = false, ns_steps = 3)");
  EXPECT_EQ(Muon(0.02, {.ns_coefficients = {2, -1.5, 0.5}, .match_rms_adamw = true}).label(),
            "Muon(0.02, rho = 0.95, lambda = 0.1, epsilon = 1e-07, ns_coefficients = (2, -1.5, "
            "0.5), match_rms_adamw = true)");
  auto same = Muon().with_hyperparameters(o.hyperparameters());
  ASSERT_TRUE(same);
  EXPECT_EQ(same->label(), o.label());
}

TEST(Muon, RefusesWhatIsNoMatrixAndGraphs) {
  EXPECT_ERROR(ArgumentError, Muon().init(parameters()),
               "[Muon] at dense.bias: expected matrices, got a parameter of shape (5,). Give it "
               "another optimizer by OptimizerGroups.");
  EXPECT_ERROR(ArgumentError, Muon(0.1, {.ns_steps = 0}),
               "[Muon] expected ns_steps from 1 to 99, got 0.");
  Tree ps = named({{"w", values({3, 3}, 1).requires_grad_()}}),
       g = named({{"w", values({3, 3}, 2)}});
  EXPECT_ERROR(UnsupportedError, Muon().update(g, Muon().init(tree::detach(ps)), ps),
               "[Muon] expected constants, got tensors that record a graph or are under a "
               "transform: the iteration runs in bfloat16. tree::detach makes constants.");
}

}  // namespace
}  // namespace luxtorch
