// Chains, changed hyper-parameters, and what is refused.
#include <gtest/gtest.h>

#include <limits>

#include "optim/optim_cases.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

using namespace testing;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(OptimChain, IsItsRulesLeftToRight) {
  Tree ps = parameters(kFloat64), g = gradients(5, kFloat64);
  OptimiserChain chain(WeightDecay(0.1), Descent(0.5));
  Tree next = chain.update(g, chain.init(ps), ps).first;
  EXPECT_CLOSE(next["scale"].tensor(),
               ps["scale"].tensor() - (g["scale"].tensor() + ps["scale"].tensor() * 0.1) * 0.5,
               1e-15);
  OptimiserChain other(Descent(0.5), WeightDecay(0.1));
  Tree decoupled = other.update(g, other.init(ps), ps).first;
  EXPECT_CLOSE(decoupled["scale"].tensor(),
               ps["scale"].tensor() - g["scale"].tensor() * 0.5 - ps["scale"].tensor() * 0.1,
               1e-15);
}

TEST(OptimChain, OfNoRuleSubtractsTheGradient) {
  Tree ps = parameters(kFloat64), g = gradients(5, kFloat64);
  OptimiserChain chain;
  EXPECT_CLOSE(chain.update(g, chain.init(ps), ps).first["scale"].tensor(),
               ps["scale"].tensor() - g["scale"].tensor(), 1e-15);
}

TEST(OptimChain, AccumGradHoldsBackAndThenPassesOnTheMean) {
  // Optimisers.jl's documented example.
  Tree ps =
      named({{"x", tensor({1.0}, {.dtype = kFloat64})}, {"y", tensor({2.0}, {.dtype = kFloat64})}});
  auto g = [](double x, double y) {
    return named(
        {{"x", full({1}, x, {.dtype = kFloat64})}, {"y", full({1}, y, {.dtype = kFloat64})}});
  };
  OptimiserChain chain(AccumGrad(2), WeightDecay(0.01), Descent(0.1));
  Tree state = chain.init(ps), start = ps;
  for (int round = 0; round < 2; ++round) {
    Tree before = ps;
    std::tie(ps, state) = chain.update(g(33, 0), state, ps);
    EXPECT_SAME(ps, before);
    std::tie(ps, state) = chain.update(g(0, 444), state, ps);
    if (round == 0) {
      EXPECT_NEAR(ps["x"].tensor().item<double>(), -0.651, 1e-12);
      EXPECT_NEAR(ps["y"].tensor().item<double>(), -20.202, 1e-12);
    }
  }
  EXPECT_NEAR(ps["x"].tensor().item<double>(), -0.651 - 1.65 + 0.000651, 1e-12);
}

TEST(OptimChain, TakesUsersOwnOptimisers) {
  Tree ps = parameters(kFloat64), g = gradients(5, kFloat64);
  OptimiserChain chain(ClipNorm(1e-3), Double{}, SignDescent{0.25});
  auto [next, state] = chain.update(g, chain.init(ps), ps);
  EXPECT_CLOSE(next["scale"].tensor(), ps["scale"].tensor() - g["scale"].tensor().sign() * 0.25,
               1e-15);
  EXPECT_EQ(state[2]["calls"].scalar<int64_t>(), 1);
  OptimiserChain inner(Double{}, Adam(0.1));
  auto [moved, inner_state] = inner.update(g, inner.init(ps), ps);
  Tree twice = tree::map_tensors([](const Tensor& t) { return t * 2; }, g);
  EXPECT_SAME(moved, Adam(0.1).update(twice, Adam().init(ps), ps).first);
  Optimizer alone = Double{};
  EXPECT_CLOSE(alone.update(g, alone.init(ps), ps).first["scale"].tensor(),
               ps["scale"].tensor() - g["scale"].tensor() * 2, 1e-15);
  EXPECT_EQ(chain.label(), "OptimiserChain(ClipNorm(0.001, p = 2), Double, SignDescent(0.25))");
}

TEST(OptimErrors, AnOptimiserThatMovesParametersItselfMustComeLast) {
  EXPECT_ERROR(ArgumentError, OptimiserChain(SignDescent{}, Adam()),
               "[OptimiserChain] expected SignDescent(0.10), which moves parameters itself, in the "
               "last place, got it in place 1 of "
               "2. Give it a transform(grads, opt_state, ps) that returns (d, opt_state).");
}

TEST(OptimAdjust, ChangesWhatItNamesAndKeepsTheRest) {
  Tree ps = parameters(kFloat64), g = gradients(5, kFloat64);
  Adam adam(0.1, {.beta = {0.8, 0.9}});
  auto [ps1, state] = adam.update(g, adam.init(ps), ps);
  Optimizer slower = adjust(adam, {.lr = 0.01});
  EXPECT_EQ(slower.label(), "Adam(0.01, beta = (0.8, 0.9), epsilon = 1e-08)");
  Tree step = adam.transform(g, state, ps1).first, small = slower.transform(g, state, ps1).first;
  EXPECT_CLOSE(small["scale"].tensor(), step["scale"].tensor() * 0.1, 1e-14);
  EXPECT_EQ(adjust(adam, {.beta = {{0.5, 0.6}}, .epsilon = 1e-4}).label(),
            "Adam(0.1, beta = (0.5, 0.6), epsilon = 0.0001)");
}

TEST(OptimAdjust, ReachesEveryRuleOfAChainThatHasIt) {
  Optimizer chain = OptimiserChain(ClipNorm(1.0), AdamW(0.1), WeightDecay(0.5));
  EXPECT_EQ(adjust(chain, {.lambda = 0.25, .omega = 2}).label(),
            "OptimiserChain(ClipNorm(2, p = 2), AdamW(0.1, beta = (0.9, 0.999), lambda = 0.25, "
            "epsilon = 1e-08), WeightDecay(0.25))");
  Optimizer own = OptimiserChain(ClipNorm(1.0), SignDescent{0.5});
  EXPECT_EQ(adjust(own, {.lr = 0.25, .omega = 3}).label(),
            "OptimiserChain(ClipNorm(3, p = 2), SignDescent(0.25))");
}

TEST(OptimErrors, AnUnknownHyperparameterIsRefusedWithTheOnesThatThereAre) {
  EXPECT_ERROR(ArgumentError, adjust(Adam(), {.rho = 0.5}),
               "[adjust] expected a hyper-parameter of Adam(0.001, beta = (0.9, 0.999), epsilon = "
               "1e-08), which has lr, beta, epsilon, "
               "got rho.");
  EXPECT_ERROR(ArgumentError, adjust(OptimiserChain(ClipGrad(), Descent()), {.lambda = 0.5}),
               "[adjust] expected a hyper-parameter of OptimiserChain(ClipGrad(10), Descent(0.1)), "
               "which has delta, lr, got lambda.");
  EXPECT_ERROR(
      ArgumentError, adjust(AccumGrad(3), {.lr = 0.5}),
      "[adjust] expected a hyper-parameter of AccumGrad(3), which has none to adjust, got lr.");
  EXPECT_ERROR(ArgumentError, adjust(Rprop(), {.lr = 0.5}),
               "[adjust] expected a hyper-parameter of Rprop(0.001, ell = (0.5, 1.2), gamma = "
               "(1e-06, 50)), which has ell, gamma, got lr.");
  EXPECT_ERROR(ArgumentError, adjust(Optimizer(Double{}), {.lr = 0.5}),
               "[adjust] expected a hyper-parameter of Double, which has none to adjust. Give it "
               "an Double adjust(const "
               "Hyperparameters&) const.");
}

TEST(OptimErrors, HyperparametersOutOfRangeAreRefused) {
  EXPECT_ERROR(ArgumentError, Adam(-1), "[Adam] expected lr finite and at least 0, got -1.");
  EXPECT_ERROR(ArgumentError, Adam(kNan), "[Adam] expected lr finite and at least 0, got nan.");
  EXPECT_ERROR(ArgumentError, Adam(0.1, {.beta = {0.9, 1.0}}),
               "[Adam] expected beta in [0, 1), got 1.");
  EXPECT_ERROR(ArgumentError, Momentum(0.1, -0.5), "[Momentum] expected rho in [0, 1), got -0.5.");
  EXPECT_ERROR(ArgumentError, RMSProp(0.1, {.epsilon = kNan}),
               "[RMSProp] expected epsilon finite and at least 0, got nan.");
  EXPECT_ERROR(ArgumentError, AdamW(0.1, {.lambda = -1}),
               "[AdamW] expected lambda finite and at least 0, got -1.");
  EXPECT_ERROR(ArgumentError, ClipGrad(0), "[ClipGrad] expected delta above 0, got 0.");
  EXPECT_ERROR(ArgumentError, ClipNorm(kNan), "[ClipNorm] expected omega above 0, got nan.");
  EXPECT_ERROR(ArgumentError, ClipGlobalNorm(1, {.p = 0}),
               "[ClipGlobalNorm] expected p above 0, got 0.");
  EXPECT_ERROR(ArgumentError, Rprop(0.1, {.ell = {0.5, 0.9}}),
               "[Rprop] expected ell in (0, 1) and above 1, got 0.9.");
  EXPECT_ERROR(ArgumentError, Rprop(0.1, {.gamma = {1, 0.5}}),
               "[Rprop] expected gamma above 0 and in order, got 0.5.");
  EXPECT_ERROR(ArgumentError, AccumGrad(0), "[AccumGrad] expected n of at least 1, got 0.");
  EXPECT_ERROR(ArgumentError, adjust(Adam(), {.lr = -1}),
               "[Adam] expected lr finite and at least 0, got -1.");
}

// Rows of checkpoints from before there was this table: names, and numbers in these places.
TEST(OptimHyperparameters, HaveTheFormThatOldCheckpointsHave) {
  auto row = [](const char* name, std::vector<double> numbers) {
    std::vector<Tree> all = {name};
    all.insert(all.end(), numbers.begin(), numbers.end());
    return tuple(std::move(all));
  };
  const std::vector<std::pair<Optimizer, Tree>> all = {
      {Momentum(0.1, 0.5), row("Momentum", {0.1, 0.5})},
      {RMSProp(0.1, {.rho = 0.5, .epsilon = 0.25}), row("RMSProp", {0.1, 0.5, 0.25})},
      {RMSProp(0.1, {.rho = 0.5, .epsilon = 0.25, .centred = true}),
       row("RMSProp centred", {0.1, 0.5, 0.25})},
      {Adam(0.1, {.beta = {0.2, 0.3}, .epsilon = 0.4}), row("Adam", {0.1, 0.2, 0.3, 0.4})},
      {AdamW(0.1, {.beta = {0.2, 0.3}, .lambda = 0.5, .epsilon = 0.4}),
       row("AdamW", {0.1, 0.2, 0.3, 0.4, 0.5})},
      {AdamW(0.1, {.beta = {0.2, 0.3}, .lambda = 0.5, .epsilon = 0.4, .couple = false}),
       row("AdamW decoupled", {0.1, 0.2, 0.3, 0.4, 0.5})},
      {AdaDelta(0.1, 0.2), row("AdaDelta", {0.1, 0.2})},
      {Lion(0.1, {.beta = {0.2, 0.3}}), row("Lion", {0.1, 0.2, 0.3})},
      {ClipNorm(0.1, {.p = 3, .check_finite = false}), row("ClipNorm", {0.1, 3, 0})},
      {ClipGlobalNorm(0.1), row("ClipGlobalNorm", {0.1, 2, 1})},
      {AccumGrad(3), row("AccumGrad", {3})}};
  for (const auto& [o, saved] : all) {
    SCOPED_TRACE(o.label());
    EXPECT_SAME(o.hyperparameters(), tuple({saved}));
    ASSERT_TRUE(o.with_hyperparameters(tuple({saved})));
    EXPECT_EQ(o.with_hyperparameters(tuple({saved}))->label(), o.label());
    EXPECT_FALSE(Descent().with_hyperparameters(tuple({saved})));
  }
  EXPECT_SAME(OptimiserChain(ClipNorm(0.5), SignDescent{}).hyperparameters(),
              named({{"parts", tuple({tuple({row("ClipNorm", {0.5, 2, 1})}), named({})})}}));
}

TEST(OptimErrors, ANormThatIsNotFiniteIsRefusedUnlessAllowed) {
  Tree ps = parameters();
  Tree g = gradients(5).with("dense.bias", full({5}, kNan));
  OptimiserChain chain(ClipNorm(1.0), Descent());
  EXPECT_ERROR(ArgumentError, chain.update(g, chain.init(ps), ps),
               "[ClipNorm] at dense.bias: expected a gradient with a finite norm, got nan. The "
               "loss or its gradient is not finite; "
               "{.check_finite = false} lets it pass.");
  OptimiserChain global(ClipGlobalNorm(1.0), Descent());
  Tree infinite =
      gradients(5).with("dense.bias", full({5}, std::numeric_limits<double>::infinity()));
  EXPECT_ERROR(ArgumentError, global.update(infinite, global.init(ps), ps),
               "[ClipGlobalNorm] expected a gradient with a finite norm, got inf. The loss or its "
               "gradient is not finite; "
               "{.check_finite = false} lets it pass.");
  OptimiserChain lax(ClipNorm(1.0, {.check_finite = false}), Descent());
  Tree next = lax.update(g, lax.init(ps), ps).first;
  EXPECT_TRUE(next["dense"]["bias"].tensor().isnan().all().item<bool>());
  EXPECT_TRUE(next["dense"]["weight"].tensor().isfinite().all().item<bool>());
}

TEST(OptimErrors, GradientsMustFitTheParameters) {
  Tree ps = parameters();
  Adam adam;
  Tree state = adam.init(ps);
  EXPECT_ERROR(ShapeError, adam.update(gradients(5).with("dense.bias", zeros({4})), state, ps),
               "[update] at dense.bias: expected a gradient as its parameter: a float32 tensor of "
               "shape (5,) on cpu, got a float32 "
               "tensor of shape (4,) on cpu.");
  EXPECT_ERROR(ShapeError,
               adam.update(gradients(5).with("scale", zeros({}, {.dtype = kFloat64})), state, ps),
               "[update] at scale: expected a gradient as its parameter: a float32 tensor of shape "
               "() on cpu, got a float64 tensor of "
               "shape () on cpu.");
  EXPECT_ERROR(TreeError, adam.update(gradients(5).without("dense.bias"), state, ps),
               "[update] at dense: expected gradients with the parameters' structure: a named tree "
               "with the keys weight, bias, got a "
               "named tree with the keys weight.");
  EXPECT_ERROR(TreeError, adam.update(gradients(5), Momentum().init(ps), ps),
               "[Tree] expected a key \"m\", got the keys v.");
  OptimiserChain chain(ClipNorm(1.0), Adam());
  EXPECT_ERROR(TreeError, chain.update(gradients(5), state, ps),
               "[opt_state] expected the state of OptimiserChain(ClipNorm(1, p = 2), Adam(0.001, "
               "beta = (0.9, 0.999), epsilon = "
               "1e-08)): a tuple of 2, got a named tree with the keys m, v, step.");
}

TEST(OptimErrors, ComplexAndSparseParametersAreUnsupported) {
  Tree ps = named({{"z", zeros({2}, {.dtype = Dtype::ComplexFloat})}});
  EXPECT_ERROR(
      UnsupportedError, Adam().init(ps),
      "[Optimizer] at z: expected parameters of dense real numbers, got a complex64 tensor.");
}

}  // namespace
}  // namespace luxtorch
