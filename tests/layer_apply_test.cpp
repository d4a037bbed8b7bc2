// apply and predict, and the places that errors name.
#include <gtest/gtest.h>

#include "luxtorch/compact.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layer.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/ops/activation.h"
#include "support/compare.h"
#include "support/tiny_layers.h"

namespace luxtorch {
namespace {

using testing::Counter;
using testing::kNone;
using testing::Slope;
using testing::SumCell;
using testing::Two;
using testing::Wrapped;

// ---- stateless_apply

// y = x + table; st has a table that never changes, and a flag.
struct Table {
  std::vector<StateSpec> states() const { return {{"table", full({2}, 3)}, {"training", true}}; }
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const {
    return {x + st["table"].tensor(), st};
  }
};
// A state that setup draws.
struct Noise {
  std::vector<StateSpec> states() const { return {{"noise", Shape{2}, init::randn}}; }
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};

TEST(StatelessApply, GivesYOfAModelWithoutStates) {
  auto x = ones({2});
  auto ps = setup(Rng(1), Slope{2}).first;
  static_assert(std::is_same_v<decltype(stateless_apply(Slope{2}, x, ps)), Tensor>);
  EXPECT_SAME(stateless_apply(Slope{2}, x, ps), ps["weight"]);
  Chain two(Slope{2}, Table{});
  auto ps2 = setup(Rng(1), two).first;
  EXPECT_SAME(stateless_apply<Tensor>(two, x, ps2), ps2.at("layer_1.weight").tensor() + 3);
}

TEST(StatelessApply, RefusesStatesThatAreDrawnOrChange) {
  EXPECT_ERROR(
      ArgumentError, stateless_apply(Chain(Slope{2}, Noise{}), ones({2}), Tree()),
      "[stateless_apply] at layer_2.noise: expected states that are empty or constant, got "
      "one that depends on the seed of setup. Call the model by apply, with the states of "
      "setup.");
  EXPECT_ERROR(ArgumentError, stateless_apply(Counter{}, ones({2}), kNone),
               "[stateless_apply] at count: expected states that are empty or constant, got one "
               "that the call changes. Call the model by apply, with the states of setup.");
}

// ---- apply

TEST(Apply, GivesWhatATypedModelReturns) {
  auto x = ones({2});
  auto [ps, st] = setup(Rng(1), SumCell{2});
  static_assert(std::is_same_v<decltype(apply(SumCell{2}, x, ps, st)), Out<Step>>);
  static_assert(std::is_same_v<decltype(apply(Layer(SumCell{2}), x, ps, st)), Out<Tree>>);
  static_assert(std::is_same_v<decltype(apply<Step>(Layer(SumCell{2}), x, ps, st)), Out<Step>>);
  EXPECT_SAME(apply<Step>(Layer(SumCell{2}), x, ps, st).first.y,
              apply(SumCell{2}, x, ps, st).first.y);
  EXPECT_SAME(apply<Tree>(Slope{2}, x, ps, st).first, apply(Slope{2}, x, ps, st).first);
  EXPECT_SAME(apply<Tensor>(Layer(Slope{2}), Tree(x), ps, st).first,
              apply(Slope{2}, x, ps, st).first);
  auto both = apply<std::pair<Tensor, Tree>>(Layer(SumCell{2}), x, ps, st).first;
  EXPECT_SAME(both.second[0], both.first);
  auto generic = [](const auto& t) { return t.squeeze(0); };
  EXPECT_SAME(apply(generic, Tree(x), kNone, kNone).first, x);
  EXPECT_SAME(apply(relu, x, kNone, kNone).first, x);
  EXPECT_SAME(apply([](const Tensor& t) { return t * 2; }, x, kNone, kNone).first, x * 2);
}

TEST(Apply, WithAnotherOutputTypeIsARefusal) {
  auto [ps, st] = setup(Rng(1), SumCell{2});
  EXPECT_ERROR(TreeError, apply<Tensor>(Layer(SumCell{2}), ones({2}), ps, st),
               "[Tree] expected a tensor, got a tuple of 2.");
}

TEST(Apply, PredictRunsInTestModeWithoutAGraph) {
  struct Mode {
    Tree initial_states(Rng) const { return named({{"training", true}}); }
    Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
      return {x * ps["w"].tensor() + (st["training"].scalar<bool>() ? 1 : 0), st};
    }
  };
  auto ps = named({{"w", ones({2}).set_requires_grad(true)}});
  auto st = setup(Rng(1), Mode{}).second;
  EXPECT_TRUE(apply(Mode{}, ones({2}), ps, st).first.requires_grad());
  auto y = predict(Mode{}, ones({2}), ps, st);
  EXPECT_FALSE(y.requires_grad());
  EXPECT_SAME(y, ones({2}));
  EXPECT_TRUE(apply(Mode{}, ones({2}), ps, st).first.requires_grad());
  EXPECT_THROW(predict(Mode{}, ones({2}), kNone, st), TreeError);
  EXPECT_TRUE(apply(Mode{}, ones({2}), ps, st).first.requires_grad());
}

// ---- errors say where

TEST(ErrorPlaces, AStructInAChainInACompactInAStruct) {
  auto body = compact(field("chain", Chain(Counter{}, Two{Counter{}, Slope{7}})))
                  .forward([](const Tensor& x, auto& chain) { return chain(x).tensor(); });
  Two model{Counter{}, body};
  auto [ps, st] = setup(Rng(1), model);
  const char* inner = "second.chain.layer_2.second";
  EXPECT_ERROR(
      ShapeError, apply(model, ones({3, 2}), ps, st),
      std::string("[Slope] at ") + inner + ": expected x of shape (..., 7), got (..., 2).");
  EXPECT_ERROR(
      ShapeError,
      apply(Chain(model), ones({3, 2}), named({{"layer_1", ps}}), named({{"layer_1", st}})),
      std::string("[Slope] at layer_1.") + inner + ": expected x of shape (..., 7), got (..., 2).");
  try {
    apply(model, ones({3, 2}), ps, st);
  } catch (const ShapeError& e) {
    EXPECT_EQ(e.path(), inner);
  }
}

TEST(ErrorPlaces, TheModelItselfHasNoPath) {
  EXPECT_ERROR(ShapeError, apply(Slope{7}, ones({2}), setup(Rng(1), Slope{7}).first, kNone),
               "[Slope] expected x of shape (..., 7), got (..., 2).");
}

TEST(ErrorPlaces, VectorsArraysOptionalsAndWrappersHaveTheirs) {
  struct Model {
    std::vector<Slope> blocks{Slope{2}, Slope{5}};
    std::optional<Slope> head = Slope{4};
    Wrapped<Wrapped<Slope>> wrapped{{Slope{3}}};
    int fails = 0;
    LUXTORCH_LAYERS(blocks, head, wrapped)
    Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
      if (fails == 0) return {blocks[1](x, ps["blocks"][1], st).first, st};
      if (fails == 1) return {(*head)(x, ps["head"], st).first, st};
      return {wrapped(x, ps["wrapped"], st).first, st};
    }
  };
  auto [ps, st] = setup(Rng(1), Model{});
  const char* paths[] = {"blocks.1", "head", "wrapped"};
  for (int i = 0; i < 3; ++i) {
    Model model;
    model.fails = i;
    try {
      apply(model, ones({2}), ps, st);
      ADD_FAILURE();
    } catch (const ShapeError& e) {
      EXPECT_EQ(e.path(), paths[i]);
    }
  }
}

TEST(ErrorPlaces, AMissingParameterIsListedWithEverythingThatDoesNotFit) {
  Two model{Slope{2}, Two{Slope{2}, Slope{2}}};
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_ERROR(
      TreeError, apply(model, ones({2}), ps.without("second.first.weight"), st),
      "[Tree] expected a key \"weight\", got an empty tree. The parameters do not fit the layer: "
      "missing second.first.weight.");
  auto other = ps.without("second.second").with("second.third", 1).with("first.weight", ones({5}));
  EXPECT_ERROR(
      TreeError, apply(model, ones({5}).narrow(0, 0, 2), other.with("first.weight", ones({1})), st),
      "[Tree] expected a key \"second\", got the keys first, third. The parameters do not fit the "
      "layer: first.weight of shape (1,) in place of (2,), missing second.second, unexpected "
      "second.third.");
}

TEST(ErrorPlaces, AMissingParameterOfAnErasedLayerIsSeenFromThere) {
  Chain model(Slope{2}, Chain(Counter{}, Two{Slope{2}, Slope{2}}));
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_ERROR(
      TreeError, apply(model, ones({2}), ps.without("layer_2.layer_2.second.weight"), st),
      "[Tree] at layer_2.layer_2: expected a key \"weight\", got an empty tree. The parameters do "
      "not fit the layer: missing second.weight.");
  EXPECT_ERROR(
      TreeError, apply(model, ones({2}), ps, st.without("layer_2.layer_1.count")),
      "[Tree] at layer_2.layer_1: expected a key \"count\", got the keys training. The states do "
      "not fit the layer: missing count.");
}

TEST(ErrorPlaces, AMissingHookIsAskedFor) {
  struct Forgetful {
    Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
      return {x * ps["weight"].tensor(), st};
    }
  };
  EXPECT_ERROR(TreeError, apply(Forgetful{}, ones({2}), kNone, kNone),
               "[Tree] expected a key \"weight\", got an empty tree. Does Forgetful define "
               "parameters() const, or Tree initial_parameters(Rng) const? A member that is a "
               "layer must be named in "
               "LUXTORCH_LAYERS(...).");
  Chain chain(Counter{}, Forgetful{});
  auto [ps, st] = setup(Rng(1), chain);
  EXPECT_ERROR(TreeError, apply(chain, ones({2}), ps, st),
               "[Tree] at layer_2: expected a key \"weight\", got an empty tree. Does Forgetful "
               "define parameters() const, or Tree initial_parameters(Rng) const? A member that is "
               "a layer must be named in "
               "LUXTORCH_LAYERS(...).");
  struct Stateless : Slope {
    Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const {
      return {x * st["count"].scalar<double>(), st};
    }
  };
  EXPECT_ERROR(
      TreeError, apply(Stateless{}, ones({2}), setup(Rng(1), Stateless{}).first, kNone),
      "[Tree] expected a key \"count\", got an empty tree. Does Stateless define states() "
      "const, or Tree initial_states(Rng) const? A member that is a layer must be named in "
      "LUXTORCH_LAYERS(...).");
}

TEST(ErrorPlaces, AMemberThatTheMacroDoesNotNameIsAskedFor) {
  struct NoMacro {
    Slope first{2};
    Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
      auto [y, st2] = apply(first, x, ps["first"], st["first"]);
      return {y, named({{"first", st2}})};
    }
  };
  auto [ps, st] = setup(Rng(1), NoMacro{});
  EXPECT_ERROR(TreeError, apply(NoMacro{}, ones({2}), ps, st),
               "[Tree] expected a key \"first\", got an empty tree. Does NoMacro define "
               "parameters() const, or Tree initial_parameters(Rng) const? A member that is a "
               "layer must be named in "
               "LUXTORCH_LAYERS(...).");
  struct LeftOut {
    Slope first{2}, second{2};
    LUXTORCH_LAYERS(first)
    Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
      return {x * ps["first"]["weight"].tensor() * ps["second"]["weight"].tensor(), st};
    }
  };
  Chain chain(LeftOut{});
  auto [ps2, st2] = setup(Rng(1), chain);
  EXPECT_ERROR(TreeError, apply(chain, ones({2}), ps2, st2),
               "[Tree] at layer_1: expected a key \"second\", got the keys first. Is it a layer's? "
               "A member that is a layer must be named in LUXTORCH_LAYERS(...).");
}

TEST(ErrorPlaces, AnotherTreesErrorAndAnyErrorInsideALayerAreAtThatLayer) {
  auto reads = [](const Tree& batch) { return batch["x"].tensor(); };
  Chain chain(Counter{}, [](const Tensor& x) { return tuple({x, x}); }, reads);
  auto [ps, st] = setup(Rng(1), chain);
  EXPECT_ERROR(TreeError, apply(chain, ones({2}), ps, st),
               "[Tree] at layer_3: expected a named tree with a key \"x\", got a tuple of 2.");
  auto refuses = [](const Tensor&) -> Tensor { throw ArgumentError("who", "expected better."); };
  Chain other(Counter{}, Chain(refuses));
  auto [ps2, st2] = setup(Rng(1), other);
  EXPECT_ERROR(ArgumentError, apply(other, ones({2}), ps2, st2),
               "[who] at layer_2.layer_1: expected better.");
}

TEST(ErrorPlaces, AWrongInputDeepInsideHasItsPath) {
  Chain chain([](const Tensor& x) { return tuple({x, x}); }, Chain(Slope{2}));
  auto [ps, st] = setup(Rng(1), chain);
  EXPECT_ERROR(TreeError, apply(chain, ones({2}), ps, st),
               "[Slope] at layer_2.layer_1: takes a tensor, got a tuple of 2.");
  Chain cells(Counter{}, Slope{2});
  EXPECT_ERROR(
      UnsupportedError, cells[1].step(ones({2}), nullptr, kNone, kNone),
      "[Slope] expected a recurrent cell, whose calls (x, ps, st) and (x, carry, ps, st) return "
      "Out<Step>.");
}

TEST(ErrorPlaces, AForeignExceptionPassesUnchanged) {
  auto throws = [](const Tensor&) -> Tensor { throw std::out_of_range("mine"); };
  auto [ps, st] = setup(Rng(1), Chain(throws));
  EXPECT_THROW(apply(Chain(throws), ones({2}), ps, st), std::out_of_range);
}

TEST(ErrorPlaces, TorchsOwnComplaintSaysWhichLayerItCameFrom) {
  struct Product {
    Tree initial_parameters(Rng) const { return named({{"w", ones({3, 4})}}); }
    Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
      return {x.matmul(ps["w"].tensor()), st};
    }
  };
  Chain chain(Counter{}, Product{});
  auto [ps, st] = setup(Rng(1), chain);
  try {
    apply(chain, ones({2, 2}), ps, st);
    FAIL();
  } catch (const TorchError& e) {
    EXPECT_EQ(e.path(), "layer_2");
    EXPECT_EQ(e.who(), "Product");
    EXPECT_NE(e.message().find("2x2 and 3x4"), std::string::npos) << e.message();
  }
}

}  // namespace
}  // namespace luxtorch
