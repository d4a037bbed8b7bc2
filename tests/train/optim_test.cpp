#include "luxtorch/train/optim.h"

#include <ATen/Parallel.h>
#include <ATen/ops/randn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <sstream>

#include "luxtorch/core/ops.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

using ::testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Tensor values(Shape shape, double seed, Dtype dtype = kFloat32) {
  Tensor k = arange(c10::multiply_integers(shape)).to(kFloat64);
  return ((k * 1.7 + seed) * 0.9).sin().reshape(shape).to(dtype);
}

Tree parameters(Dtype dtype = kFloat32) {
  return named(
      {{"dense", named({{"weight", values({5, 7}, 1, dtype)}, {"bias", values({5}, 2, dtype)}})},
       {"scale", values({}, 3, dtype)}});
}

Tree gradients(double seed, Dtype dtype = kFloat32) {
  return named({{"dense", named({{"weight", values({5, 7}, seed, dtype)},
                                 {"bias", values({5}, seed + 1, dtype)}})},
                {"scale", values({}, seed + 2, dtype)}});
}

Tree deep_copy(const Tree& t) {
  return tree::map_tensors([](const Tensor& x) { return x.clone(); }, t);
}

std::vector<Optimizer> every_kind() {
  return {Descent(),
          Momentum(),
          Nesterov(),
          RMSProp(),
          RMSProp(0.01, {.centred = true}),
          Adam(),
          AdamW(0.01, {.lambda = 0.1}),
          AdamW(0.01, {.lambda = 0.1, .couple = false}),
          AdaMax(),
          NAdam(),
          RAdam(),
          OAdam(),
          AMSGrad(),
          AdaBelief(),
          AdaGrad(),
          AdaDelta(),
          Lion(),
          WeightDecay(),
          SignDecay(),
          ClipGrad(0.1),
          ClipNorm(0.1),
          ClipGlobalNorm(0.1),
          AccumGrad(2),
          OptimiserChain(),
          OptimiserChain(ClipNorm(0.5), WeightDecay(), Adam())};
}

// A user's own optimiser, and one that is only a transformation.
struct SignDescent {
  double lr = 0.1;
  Tree init(const Tree&) const { return named({{"calls", 0}}); }
  std::pair<Tree, Tree> update(const Tree& grads, const Tree& state, const Tree& ps) const {
    Tree next = tree::zip(
        [&](const Tree& x, const Tree& g) {
          return g.is_none() ? x : Tree(x.tensor() - g.tensor().sign() * lr);
        },
        ps, grads);
    return {next, named({{"calls", state["calls"].scalar<int64_t>() + 1}})};
  }
  SignDescent adjust(const Hyperparameters& h) const { return {h.lr.value_or(lr)}; }
  std::string label() const { return "SignDescent(" + std::to_string(lr).substr(0, 4) + ")"; }
};
struct Double {
  Tree init(const Tree&) const { return Tree(); }
  std::pair<Tree, Tree> transform(const Tree& grads, const Tree& state, const Tree&) const {
    return {tree::map_tensors([](const Tensor& g) { return g * 2; }, grads), state};
  }
};

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
    EXPECT_LT(testing::relative_difference(tree::to(low, kFloat32), ps), 3e-2);
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
  EXPECT_ERROR(ArgumentError, AccumGrad(0), "[AccumGrad] expected n of at least 1, got 0.");
  EXPECT_ERROR(ArgumentError, adjust(Adam(), {.lr = -1}),
               "[Adam] expected lr finite and at least 0, got -1.");
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
