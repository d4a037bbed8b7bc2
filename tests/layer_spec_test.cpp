// Layers that describe their parameters and states: what setup makes of it, and what is known without
// drawing a number.
#include "luxtorch/layer_spec.h"

#include <gtest/gtest.h>

#include <sstream>

#include "luxtorch/compact.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/layers/sequence.h"
#include "support/compare.h"
#include "support/tiny_layers.h"

namespace luxtorch {
namespace {

using testing::Slope;
using testing::Strings;
using testing::Wrapped;

struct Unchanged {
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};
struct Described : Unchanged {
  std::vector<ParameterSpec> parameters() const {
    return {{.name = "weight", .shape = {2}, .init = init::rand}, {"shift", {3, 2}, init::ones}};
  }
  std::vector<StateSpec> states() const {
    return {StateSpec::rng("key"), {"mean", {2}, init::rand},
            {"calls", 0},          {"training", true},
            {"carry", Tree()},     StateSpec::only_in_torch("counter", zeros({}))};
  }
};
struct Container : Described {
  Slope inner;
  LUXTORCH_LAYERS(inner)
};
// A layer with these parameters.
struct Of : Unchanged {
  std::vector<ParameterSpec> specs;
  explicit Of(std::vector<ParameterSpec> s) : specs(std::move(s)) {}
  std::vector<ParameterSpec> parameters() const { return specs; }
};
// Makes its parameters itself, and counts how often.
struct Drawn : Unchanged {
  int* draws;
  explicit Drawn(int& d) : draws(&d) {}
  Tree initial_parameters(Rng rng) const {
    ++*draws;
    return named({{"weight", init::rand(rng.fold_in("weight"), {2})}, {"scale", 3}});
  }
};

Initializer counting(int& draws) {
  return [&draws](Rng rng, ShapeView shape) {
    ++draws;
    return init::rand(rng, shape);
  };
}

TEST(Specs, AreDrawnWithTheKeysOfTheirPaths) {
  auto [ps, st] = setup(Rng(1), Chain(Described{}));
  auto key = Rng(1).fold_in("parameters").fold_in("layer_1");
  EXPECT_SAME(ps["layer_1"],
              named({{"weight", init::rand(key.fold_in("weight"), {2})}, {"shift", ones({3, 2})}}));
  key = Rng(1).fold_in("states").fold_in("layer_1");
  EXPECT_SAME(st["layer_1"], named({{"key", key.fold_in("key")},
                                    {"mean", init::rand(key.fold_in("mean"), {2})},
                                    {"calls", 0},
                                    {"training", true},
                                    {"carry", Tree()}}));
}

TEST(Specs, OfAContainerFollowItsLayersAndThoseOfAWrapperStandInTheirPlace) {
  auto [ps, st] = setup(Rng(1), Container{});
  EXPECT_EQ(ps.keys(), (Strings{"inner", "weight", "shift"}));
  EXPECT_EQ(st.keys(), (Strings{"inner", "key", "mean", "calls", "training", "carry"}));
  struct Around : Wrapped<Slope> {
    std::vector<ParameterSpec> parameters() const { return {{"gain", {1}, init::ones}}; }
  };
  EXPECT_EQ(setup(Rng(1), Around{Slope{2}}).first.keys(), Strings{"gain"});
}

TEST(Specs, AMemberOfTheSameNameThatGivesSomethingElseIsNoHook) {
  struct WithATree : Slope {
    Tree parameters() const { return named({}); }
    int states(int n) const { return n; }
  };
  EXPECT_SAME(setup(Rng(1), WithATree{}).first, setup(Rng(1), Slope{}).first);
}

TEST(Specs, MistakesNameTheLayersPathAndTheParameter) {
  auto of = [](std::vector<ParameterSpec> specs) {
    return Chain(Slope{2}, Chain(field("head", Of(std::move(specs)))));
  };
  EXPECT_ERROR(TreeError, setup(0, of({{"weight", {2}, init::ones}, {"weight", {2}, init::ones}})),
               "[Of] at layer_2.head: expected a name for each parameter, got \"weight\" twice.");
  EXPECT_ERROR(ShapeError, setup(0, of({{"weight", {2, -1}, init::ones}})),
               "[Of] at layer_2.head: expected sizes of at least 0 for weight, got (2, -1).");
  EXPECT_ERROR(ArgumentError, setup(0, of({{"weight", {2}, {}}})),
               "[Of] at layer_2.head: expected an initialiser of weight, got none.");
  auto narrow = [](Rng, ShapeView) { return ones({1}); };
  EXPECT_ERROR(ShapeError, setup(0, of({{"weight", {2}, narrow}})),
               "[Of] at layer_2.head: expected the initialiser of weight to give (2,), got (1,).");
  auto wide = [](Rng, ShapeView shape) { return ones(shape, {.dtype = kFloat64}); };
  EXPECT_ERROR(ShapeError, setup(0, of({{"weight", {2}, wide}})),
               "[Of] at layer_2.head: expected the initialiser of weight to give float32, got "
               "float64. tree::to(ps, ...) converts all parameters.");
  EXPECT_SAME(setup(0, Of({{"weight", {2}, wide, kFloat64}})).first,
              named({{"weight", ones({2}, {.dtype = kFloat64})}}));
  auto half = of({{.name = "weight",
                   .shape = {2},
                   .init = init::ones,
                   .lux = {.from_ours = [](const Tensor& t) { return t; }}}});
  EXPECT_ERROR(ArgumentError, setup(0, half),
               "[Of] at layer_2.head: expected .from_ours and .to_ours of weight together, got one "
               "of them.");
  // Without drawing, too.
  EXPECT_ERROR(ShapeError, structure(of({{"weight", {-3}, init::ones}})),
               "[Of] at layer_2.head: expected sizes of at least 0 for weight, got (-3,).");
}

TEST(Structures, HaveNamesShapesDtypesAndNoNumbers) {
  auto [ps, st] = structure(Container{});
  auto drawn = setup(Rng(0), Container{});
  EXPECT_EQ(tree::difference(ps, drawn.first), "");
  EXPECT_EQ(tree::difference(st, drawn.second), "");
  for (const auto& t : tree::tensors(tuple({ps, st}))) EXPECT_TRUE(t.is_meta());
  EXPECT_EQ(parameter_length(ps), 10);
  EXPECT_EQ(structure(Of({{"weight", {2}, init::ones, kFloat64}}))
                .parameters["weight"]
                .tensor()
                .scalar_type(),
            kFloat64);
}

TEST(Structures, AreTakenFromDescriptionsWithoutADraw) {
  int draws = 0;
  auto each = counting(draws);
  GateInitializers gates = each;
  LSTMOptions options{.num_layers = 2,
                      .bidirectional = true,
                      .dropout = 0.5,
                      .init_weight = gates,
                      .init_recurrent_weight = gates,
                      .init_bias = gates};
  Chain model(Dense(2, 3, {.init_weight = each, .init_bias = each}), LSTM(3, 4, options),
              BatchNorm(8, {.init_bias = each, .init_scale = each}),
              StatefulRecurrentCell(GRUCell(8, 2, {.init_weight = gates, .init_bias = gates})),
              compact(field("dropout", Dropout(0.5)), param("gain", each, {2}))
                  .forward([](const Tensor& x, auto& dropout, const Tensor& gain) {
                    return dropout(x) * gain;
                  }));
  auto known = structure(model);
  std::ostringstream text;
  text << model << show(model) << parameter_length(model) << state_length(model);
  EXPECT_EQ(draws, 0);
  auto [ps, st] = setup(Rng(0), model);
  EXPECT_GT(draws, 0);
  draws = 0;
  EXPECT_EQ(tree::difference(known.parameters, ps), "");
  EXPECT_EQ(tree::difference(known.states, st), "");
  check_parameters(model, ps);
  check_states(model, st);
  EXPECT_THROW(check_parameters(model, ps.without("layer_5.gain")), TreeError);
  EXPECT_THROW((void)apply(model, ones({2, 5, 2}), ps.without("layer_5.gain"), st), TreeError);
  EXPECT_EQ(draws, 0);
}

TEST(Structures, OfALayerThatMakesItsParametersItselfTakeOneDraw) {
  int draws = 0;
  auto ps = structure(Chain(Drawn(draws))).parameters["layer_1"];
  EXPECT_EQ(draws, 1);
  EXPECT_TRUE(ps["weight"].tensor().is_meta());
  EXPECT_EQ(ps["scale"].scalar<int64_t>(), 3);
}

TEST(Structures, AreTheModelsAlsoWhereItDrawsForALayerInside) {
  // Its own hook reads the numbers of another layer's, which must be there.
  struct Scaled : Unchanged {
    Dense inner{2, 2};
    Tree initial_parameters(Rng rng) const {
      auto ps = luxtorch::initial_parameters(inner, rng);
      double norm = ps["weight"].tensor().norm().item<double>();
      return ps.with("weight", ps["weight"].tensor().div(norm));
    }
  };
  auto ps = structure(Scaled{}).parameters;
  EXPECT_EQ(tree::difference(ps, setup(Rng(0), Scaled{}).first), "");
}

}  // namespace
}  // namespace luxtorch
