#include "luxtorch/autodiff/grad.h"

#include <cmath>
#include <thread>
#include <vector>

#include "autodiff/float64.h"
#include "luxtorch/core/ops.h"
#include "support/compare.h"
#include "support/finite_differences.h"

namespace luxtorch::testing {
namespace {

TEST(ValueAndGrad, OfACubeIsThreeTimesTheSquare) {
  const Tree ps = named({{"w", numbers({1, 2, -3})}});
  auto [value, grads] =
      value_and_grad([](const Tree& p) { return p["w"].tensor().pow(3).sum(); }, ps);
  EXPECT_SAME(value, full({}, -18, kDouble));
  EXPECT_SAME(grads, named({{"w", numbers({3, 12, 27})}}));
  EXPECT_FALSE(value.requires_grad());
  EXPECT_FALSE(grads["w"].tensor().requires_grad());
}

TEST(ValueAndGrad, GradientsHaveTheStructureOfTheParameters) {
  const Tree ps =
      named({{"layer_1", named({{"weight", numbers({1, 2})}, {"steps", tensor({3, 4})}})},
             {"empty", named({})},
             {"list", tuple({numbers({5}), "text", 7, true, Rng(1), Tree()})}});
  const Tree grads = grad(
      [](const Tree& p) { return (p["layer_1"]["weight"].tensor() * p["list"][0].tensor()).sum(); },
      ps);
  EXPECT_SAME(grads,
              named({{"layer_1", named({{"weight", numbers({5, 5})}, {"steps", Tree()}})},
                     {"empty", named({})},
                     {"list", tuple({numbers({3}), Tree(), Tree(), Tree(), Tree(), Tree()})}}));
}

TEST(ValueAndGrad, AParameterThatIsNotUsedHasAGradientOfZeros) {
  const Tree ps = named({{"used", numbers({2})}, {"unused", ones({2, 3})}});
  const Tree grads = grad([](const Tree& p) { return p["used"].tensor().square().sum(); }, ps);
  EXPECT_SAME(grads, named({{"used", numbers({4})}, {"unused", zeros({2, 3})}}));
}

TEST(ValueAndGrad, LeavesTheParametersAsTheyWere) {
  const Tensor w = numbers({1, 2}), before = w.clone();
  const Tree ps = named({{"w", w}});
  (void)grad([](const Tree& p) { return p["w"].tensor().square().sum(); }, ps);
  EXPECT_SAME(w, before);
  EXPECT_FALSE(w.requires_grad());
  EXPECT_FALSE(w.grad().defined());
}

TEST(ValueAndGrad, WorksWhereTheCallerRecordsNothing) {
  const detail::NoGrad no_grad;
  const Tree grads = grad([](const Tree& p) { return p["w"].tensor().square().sum(); },
                          named({{"w", numbers({3})}}));
  EXPECT_SAME(grads["w"], numbers({6}));
  EXPECT_FALSE(numbers({1}).requires_grad_().mul(2).requires_grad())
      << "the caller's guard was not restored";
}

TEST(ValueAndGrad, LetsTheFunctionsErrorThroughAndRestoresTheCallersGuard) {
  const detail::NoGrad no_grad;
  auto f = [](const Tree&) -> Tensor { throw ArgumentError("f", "no."); };
  EXPECT_ERROR(ArgumentError, value_and_grad(f, named({{"w", numbers({3})}})), "[f] no.");
  EXPECT_FALSE(numbers({1}).requires_grad_().mul(2).requires_grad());
}

TEST(ValueAndGrad, ReturnsWhatElseTheFunctionComputes) {
  auto [value, grads, text] = value_and_grad(
      [](const Tree& p) { return std::pair{p["w"].tensor().sum(), std::string("aux")}; },
      named({{"w", numbers({3})}}));
  EXPECT_EQ(text, "aux");
  EXPECT_SAME(grads["w"], numbers({1}));
  EXPECT_SAME(value, full({}, 3, kDouble));
}

TEST(ValueAndGrad, AuxiliaryTreesAndTensorsCarryNoGraph) {
  const Tree ps = named({{"w", numbers({3})}});
  auto state = [](const Tree& p) {
    return std::pair{p["w"].tensor().sum(), named({{"carry", p["w"].tensor() * 2}, {"n", 1}})};
  };
  auto [value, grads, st] = value_and_grad(state, ps);
  EXPECT_SAME(st, named({{"carry", numbers({6})}, {"n", 1}}));
  EXPECT_FALSE(st["carry"].tensor().requires_grad());
  auto output = [](const Tree& p) { return std::pair{p["w"].tensor().sum(), p["w"].tensor() * 2}; };
  EXPECT_FALSE(value_and_grad(output, ps).aux.requires_grad());
}

TEST(ValueAndGrad, TakesAnObjectivesResultWhole) {
  const Tree ps = named({{"w", numbers({3})}});
  auto [value, grads, out] = value_and_grad(
      [](const Tree& p) {
        const Tensor& w = p["w"].tensor();
        return LossOut{w.square().sum(), named({{"seen", w * 1}}), named({{"w", w}})};
      },
      ps);
  EXPECT_SAME(value, full({}, 9, kDouble));
  EXPECT_SAME(grads["w"], numbers({6}));
  EXPECT_SAME(out.st, named({{"seen", numbers({3})}}));
  EXPECT_FALSE(out.loss.requires_grad());
  EXPECT_FALSE(out.st["seen"].tensor().requires_grad());
  EXPECT_FALSE(out.stats["w"].tensor().requires_grad());
}

TEST(ValueAndGrad, OneTensorAtTwoPlacesHasAGradientAtEach) {
  const Tensor w = numbers({3});
  const Tree grads = grad(
      [](const Tree& p) { return (p["a"].tensor() * p["b"].tensor() * p["b"].tensor()).sum(); },
      named({{"a", w}, {"b", w}}));
  EXPECT_SAME(grads, named({{"a", numbers({9})}, {"b", numbers({18})}}));
}

TEST(ValueAndGrad, WithoutParametersTheGradientsAreEmpty) {
  auto [value, grads] = value_and_grad([](const Tree&) { return numbers({4}).sum(); }, named({}));
  EXPECT_SAME(value, full({}, 4, kDouble));
  EXPECT_SAME(grads, named({}));
}

TEST(ValueAndGrad, ParametersThatAreNotANumberAreNoError) {
  const Tree grads = grad([](const Tree& p) { return p["w"].tensor().square().sum(); },
                          named({{"w", numbers({NAN, 2})}}));
  EXPECT_SAME(grads["w"], numbers({NAN, 4}));
}

TEST(ValueAndGrad, AValueThatIsNoScalarIsAnError) {
  const Tree ps = named({{"w", ones({2, 3})}});
  EXPECT_ERROR(ArgumentError, value_and_grad([](const Tree& p) { return p["w"].tensor() * 2; }, ps),
               "[value_and_grad] expected f to return a floating tensor of shape (), got a float32 "
               "tensor of shape "
               "(2, 3). Reduce it, for example by .mean() or .sum().");
  EXPECT_THROW(value_and_grad([](const Tree&) { return Tensor(); }, ps), ArgumentError);
  EXPECT_THROW(value_and_grad([](const Tree& p) { return p["w"].tensor().sum().to(kInt64); }, ps),
               ArgumentError);
}

TEST(ValueAndGrad, AValueThatDoesNotDependOnTheParametersIsAnError) {
  const Tree ps = named({{"w", numbers({2})}});
  const std::string text =
      "[value_and_grad] expected a value that depends on ps, got one that does not. Compute it "
      "from the tree that f is "
      "given, without detach(), item() or a guard that turns gradients off.";
  EXPECT_ERROR(ArgumentError,
               value_and_grad([&](const Tree&) { return ps["w"].tensor().sum(); }, ps), text);
  const Tensor other = numbers({1}).requires_grad_();
  EXPECT_ERROR(ArgumentError, value_and_grad([&](const Tree&) { return other.sum(); }, ps), text);
}

// f(w) = |grad g(w)|^2 / 2 with g(w) = sum(w^4) / 4: the gradient of f is 3 w^5.
TEST(ValueAndGrad, OfAGradientIsTheSecondOrder) {
  const Tree ps = named({{"w", numbers({1, 2, -3})}});
  auto g = [](const Tree& p) { return p["w"].tensor().pow(4).sum().div(4); };
  auto f = [&](const Tree& p) {
    auto [value, grads] = value_and_grad(g, p, {.create_graph = true});
    return grads["w"].tensor().square().sum().div(2);
  };
  auto [value, grads] = value_and_grad(f, ps);
  EXPECT_CLOSE(value, full({}, (1 + 64 + 729) / 2.0, kDouble), 1e-14);
  EXPECT_CLOSE(grads["w"].tensor(), numbers({3, 96, -729}), 1e-14);
  EXPECT_FALSE(grads["w"].tensor().requires_grad());
  EXPECT_TRUE(gradients_match(f, ps, grads));
}

TEST(ValueAndGrad, ThriceNestedIsTheThirdOrder) {
  auto sum = [](const Tree& t) { return t["w"].tensor().sum(); };
  auto f0 = [](const Tree& p) { return p["w"].tensor().pow(5).sum(); };
  auto f1 = [&](const Tree& p) { return sum(grad(f0, p, {.create_graph = true})); };
  auto f2 = [&](const Tree& p) { return sum(grad(f1, p, {.create_graph = true})); };
  EXPECT_CLOSE(grad(f2, named({{"w", numbers({2, -1})}}))["w"].tensor(), numbers({240, 60}), 1e-14);
}

TEST(ValueAndGrad, ACapturedOuterParameterIsAConstantForTheInnerGradient) {
  const Tree ps = named({{"w", numbers({3})}});
  // The inner gradient of q p is p, so f(p) = p and not 2 p.
  auto f = [](const Tree& p) {
    auto inner = [&](const Tree& q) { return (q["w"].tensor() * p["w"].tensor()).sum(); };
    return grad(inner, p, {.create_graph = true})["w"].tensor().sum();
  };
  auto [value, grads] = value_and_grad(f, ps);
  EXPECT_SAME(value, full({}, 3, kDouble));
  EXPECT_SAME(grads["w"], numbers({1}));
}

TEST(ValueAndGrad, OfAGradientIsTheSecondOrderWithoutBeingToldSo) {
  auto cube = [](const Tensor& x) { return x.pow(3).sum(); };
  auto slope = [&](const Tensor& x) { return grad(cube)(x).sum(); };
  EXPECT_SAME(grad(slope)(numbers({2, -1})), numbers({12, -6}));
  EXPECT_FALSE(grad(cube)(numbers({2})).requires_grad()) << "outside there is no graph";
}

TEST(ValueAndGrad, WithoutCreateGraphAnInnerGradientIsAConstant) {
  auto g = [](const Tree& p) { return p["w"].tensor().pow(3).sum(); };
  auto f = [&](const Tree& p) {
    return (grad(g, p, {.create_graph = false})["w"].tensor() * p["w"].tensor()).sum();
  };
  EXPECT_SAME(grad(f, named({{"w", numbers({2})}}))["w"], numbers({12}));
}

TEST(ValueAndGrad, TheInnerValueIsDifferentiableToo) {
  auto g = [](const Tree& p) { return p["w"].tensor().pow(3).sum(); };
  auto f = [&](const Tree& p) {
    auto [value, grads] = value_and_grad(g, p, {.create_graph = true});
    return value + grads["w"].tensor().sum();
  };
  EXPECT_SAME(grad(f, named({{"w", numbers({2})}}))["w"], numbers({24}));
}

TEST(ValueAndGrad, CanBeCalledFromManyThreads) {
  const Tree ps = named({{"w", numbers({1, 2, -3})}});
  std::vector<std::thread> threads;
  std::vector<Tree> results(8);
  for (auto& result : results) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        result = grad([](const Tree& p) { return p["w"].tensor().pow(3).sum(); }, ps);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_SAME(result["w"], numbers({3, 12, 27}));
}

}  // namespace
}  // namespace luxtorch::testing
