#include "luxtorch/layers/containers.h"

#include <gtest/gtest.h>

#include "layers/joining_layers.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/parallel.h"
#include "support/compare.h"
#include "support/tensor_functions.h"

namespace luxtorch::testing {
namespace {

TEST(Chain, RunsItsLayersOneAfterAnotherAndNamesThem) {
  Chain model(Dense(4, 5, tanh), plus_one, Dense(5, 2));
  auto [ps, st] = setup(Rng(0), model);
  EXPECT_EQ(ps.keys(), (Strings{"layer_1", "layer_2", "layer_3"}));
  EXPECT_EQ(st.keys(), (Strings{"layer_1", "layer_2", "layer_3"}));
  auto x = x34();
  auto h = Dense(4, 5, tanh)(x, ps["layer_1"], st["layer_1"]).first + 1;
  auto y = Dense(5, 2)(h, ps["layer_3"], st["layer_3"]).first;
  EXPECT_SAME(apply<Tensor>(model, x, ps, st).first, y);
}

TEST(Chain, TakesNamesForItsLayers) {
  Chain model(field("encoder", Dense(4, 2)), Dropout(0.5), field("decoder", Dense(2, 4)));
  auto [ps, st] = setup(Rng(0), model);
  EXPECT_EQ(ps.keys(), (Strings{"encoder", "layer_2", "decoder"}));
  EXPECT_EQ(model["decoder"].label(), "Dense(2 => 4)");
}

TEST(Chain, TakesAVectorOfLayers) {
  std::vector<Layer> layers{Dense(4, 3), twice};
  Chain model(layers);
  EXPECT_EQ(model.size(), 2u);
  EXPECT_EQ(setup(Rng(0), model).first.keys(), (Strings{"layer_1", "layer_2"}));
  EXPECT_SAME(setup(Rng(0), model).first, setup(Rng(0), Chain(Dense(4, 3), twice)).first);
}

TEST(Chain, OfNothingIsTheIdentity) {
  auto [ps, st] = setup(Rng(0), Chain());
  EXPECT_SAME(ps, named({}));
  auto x = x34();
  EXPECT_SAME(apply<Tensor>(Chain(), x, ps, st).first, x);
}

TEST(Chain, GivesItsLayersByPositionAndByName) {
  Chain model(Dense(4, 5), field("head", Dense(5, 2)));
  EXPECT_EQ(model[0].label(), "Dense(4 => 5)");
  EXPECT_EQ(model["layer_1"].label(), "Dense(4 => 5)");
  EXPECT_EQ(model["head"].label(), "Dense(5 => 2)");
  EXPECT_ERROR(ArgumentError, model[2], "[Chain] expected a position below 2, got 2.");
  EXPECT_ERROR(ArgumentError, model["tail"],
               "[Chain] expected one of its layers layer_1, head, got \"tail\".");
}

TEST(Chain, IsSlicedWithTheNamesAndThusTheParametersOfItsLayers) {
  Chain model(Dense(4, 5), plus_one, Dense(5, 2));
  auto [ps, st] = setup(Rng(0), model);
  auto tail = model.slice(1, 3);
  EXPECT_EQ(setup(Rng(0), tail).first.keys(), (Strings{"layer_2", "layer_3"}));
  EXPECT_SAME(setup(Rng(0), tail).first["layer_3"], ps["layer_3"]);
  auto x = x34();
  auto h = apply(model.slice(0, 1), x, ps, st).first;
  EXPECT_SAME(apply(tail, h, ps, st).first, apply(model, x, ps, st).first);
  EXPECT_EQ(model.slice(1, 1).size(), 0u);
  EXPECT_ERROR(ArgumentError, model.slice(1, 4),
               "[Chain] expected a range within 3 layers, got [1, 4).");
  EXPECT_ERROR(ArgumentError, model.slice(2, 1),
               "[Chain] expected a range within 3 layers, got [2, 1).");
}

TEST(Chain, RefusesNamesThatAreTakenEmptyOrHaveADot) {
  EXPECT_ERROR(ArgumentError, Chain(field("a", Dense(2, 2)), field("a", Dense(2, 2))),
               "[field] expected a name for each layer, got \"a\" twice.");
  EXPECT_ERROR(ArgumentError, Chain(field("layer_2", Dense(2, 2)), Dense(2, 2)),
               "[field] expected a name for each layer, got \"layer_2\" twice.");
  EXPECT_ERROR(ArgumentError, Chain(field("a.b", Dense(2, 2))),
               "[field] expected a name without dots, got \"a.b\".");
  EXPECT_ERROR(ArgumentError, Parallel(nullptr, field("", Dense(2, 2))),
               "[field] expected a name without dots, got \"\".");
}

TEST(Chain, OfAChainIsThatChain) {
  Chain model(Dense(4, 5), Dense(5, 2)), same(model);
  EXPECT_EQ(same.size(), 2u);
  EXPECT_EQ(Chain(model, twice).size(), 2u);
}

TEST(Chain, ThreadsTheStatesOfEachLayer) {
  Chain model(Dropout(0.5), Dropout(0.5));
  auto [ps, st] = setup(Rng(0), model);
  auto st2 = apply(model, x34(), ps, st).second;
  EXPECT_FALSE(tree::equal(st2["layer_1"], st["layer_1"]));
  EXPECT_FALSE(tree::equal(st2["layer_2"], st["layer_2"]));
}

TEST(Chain, SaysWhichLayerRefusedItsInput) {
  Chain model(Dense(4, 5), field("inner", Chain(twice, field("head", Dense(8, 2)))));
  auto [ps, st] = setup(Rng(0), model);
  EXPECT_ERROR(ShapeError, apply(model, x34(), ps, st),
               "[Dense] at inner.head: expected x of shape (..., 8), got (3, 5).");
}

TEST(SkipConnection, JoinsTheLayersOutputAndTheInputByAFunction) {
  auto layer = SkipConnection(Dense(4, 4), [](const Tensor& y, const Tensor& x) { return y - x; });
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_EQ(ps.keys(), (Strings{"weight", "bias"})) << "the layers', without a level of their own";
  EXPECT_SAME(ps, setup(Rng(0), Dense(4, 4)).first);
  auto x = x34();
  EXPECT_SAME(apply<Tensor>(layer, x, ps, st).first, Dense(4, 4)(x, ps, st).first - x);
}

TEST(SkipConnection, JoinsThemByALayerWithItsOwnParameters) {
  auto layer = SkipConnection(Dense(4, 4), Weighted{});
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_EQ(ps.keys(), (Strings{"layers", "connection"}));
  EXPECT_EQ(ps["connection"].keys(), Strings{"weight"});
  auto x = x34();
  auto y = Dense(4, 4)(x, ps["layers"], st["layers"]).first;
  EXPECT_CLOSE(apply<Tensor>(layer, x, ps, st).first, y * 3 + x, 1e-6);
}

TEST(SkipConnection, KeepsTheStatesOfALayerOfTreesThatJoins) {
  auto layer = SkipConnection(Dense(4, 4), CountedSum{});
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_EQ(st.keys(), (Strings{"layers", "connection"}));
  auto [y, st2] = apply<Tensor>(layer, x34(), ps, st);
  EXPECT_EQ(st2["connection"]["calls"].scalar<int64_t>(), 1);
}

TEST(SkipConnection, GoesAroundSeveralLayers) {
  auto layer = SkipConnection(Chain(Dense(4, 7, relu), Dense(7, 4)), add);
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_EQ(ps.keys(), (Strings{"layer_1", "layer_2"}));
  EXPECT_EQ(apply<Tensor>(layer, x34(), ps, st).first.sizes(), (std::vector<int64_t>{3, 4}));
  EXPECT_ERROR(ShapeError, apply(layer, ones({3, 5}), ps, st),
               "[Dense] at layer_1: expected x of shape (..., 4), got (3, 5).");
}

TEST(RepeatedLayer, RunsOneModelAgainAndAgainWithTheSameParameters) {
  RepeatedLayer model(Dense(4, 4, tanh), {.repeats = 3});
  auto [ps, st] = setup(Rng(0), model);
  EXPECT_SAME(ps, setup(Rng(0), Dense(4, 4)).first);
  auto y = x34();
  for (int i = 0; i < 3; ++i) y = Dense(4, 4, tanh)(y, ps, st).first;
  EXPECT_SAME(apply<Tensor>(model, x34(), ps, st).first, y);
}

TEST(RepeatedLayer, RunsTenTimesUnlessToldOtherwise) {
  RepeatedLayer model(plus_one);
  EXPECT_SAME(apply<Tensor>(model, zeros({2}), named({}), named({})).first, full({2}, 10));
}

TEST(RepeatedLayer, GivesTheFirstInputBesideTheLastOutputWhereItIsInjected) {
  RepeatedLayer model([](const Tensor& y, const Tensor& x) { return y * 2 + x; },
                      {.repeats = 3, .input_injection = true});
  auto x = x34();
  EXPECT_CLOSE(apply<Tensor>(model, x, named({}), named({})).first, x * (8 + 4 + 2 + 1), 1e-6);
}

TEST(RepeatedLayer, ThreadsTheModelsStates) {
  struct Counter {
    Tree initial_states(Rng) const { return named({{"calls", 0}}); }
    Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const {
      return {x, named({{"calls", st["calls"].scalar<int64_t>() + 1}})};
    }
  };
  RepeatedLayer model(Counter{}, {.repeats = 4});
  auto [ps, st] = setup(Rng(0), model);
  EXPECT_SAME(apply(model, x34(), ps, st).second, named({{"calls", 4}}));
}

TEST(RepeatedLayer, RefusesToRunNotEvenOnceAndSaysWhereTheModelFailed) {
  EXPECT_ERROR(ArgumentError, RepeatedLayer(Dense(2, 2), {.repeats = 0}),
               "[RepeatedLayer] expected .repeats of at least 1, got 0.");
  Chain model(field("loop", RepeatedLayer(Dense(4, 3))));
  auto [ps, st] = setup(Rng(0), model);
  EXPECT_ERROR(ShapeError, apply(model, x34(), ps, st),
               "[Dense] at loop: expected x of shape (..., 4), got (3, 3).");
}

}  // namespace
}  // namespace luxtorch::testing
