// Where a layer of a user's own says how PyTorch and Lux name and lay out its tensors.
#include <gmock/gmock.h>

#include "luxtorch/compact.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/interop/lux_layout.h"
#include "luxtorch/interop/state_dict.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/scale.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

using ::testing::ElementsAre;

Tensor flipped(const Tensor& t) { return t.flip({-1}).contiguous(); }

// A kernel that Lux has reversed and flipped, another name for it in each library, a state of PyTorch's.
struct Kernel {
  std::vector<ParameterSpec> parameters() const {
    return {{.name = "kernel",
             .shape = {2, 3},
             .init = init::rand,
             .torch = {.name = "weight"},
             .lux = {.name = "w",
                     .from_ours = [](const Tensor& t) { return flipped(t).t().contiguous(); },
                     .to_ours = [](const Tensor& t) { return flipped(t.t()); }},
             .lux_0_5 = TensorLayout{.name = "kernel_matrix"}},
            {.name = "shift",
             .shape = {2},
             .init = init::ones,
             .lux_0_5 = TensorLayout{.dims = TensorLayout::Dims::Column}}};
  }
  std::vector<StateSpec> states() const {
    return {{"mean",
             {2, 1},
             init::rand,
             kFloat32,
             {.name = "running_mean"},
             {.dims = TensorLayout::Dims::Reversed}},
            {"training", true},
            StateSpec::only_in_torch("steps", full({}, 7))};
  }
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};

// A container with parameters of its own.
struct Around : Kernel {
  Scale inner{std::vector<int64_t>{2, 3}};
  LUXTORCH_LAYERS(inner)
};

TEST(SpecLayouts, OfTorchHaveItsNamesAndTensors) {
  Layer model = Chain(Kernel{}, Around{});
  auto [ps, st] = setup(Rng(1), model);
  auto state = to_torch(model, ps, st);
  EXPECT_THAT(tree::paths(state),
              ElementsAre("0.weight", "0.shift", "0.running_mean", "0.steps", "1.weight", "1.shift",
                          "1.running_mean", "1.steps", "1.inner.weight", "1.inner.bias"));
  EXPECT_SAME(state.at("0.weight"), ps.at("layer_1.kernel"));
  EXPECT_SAME(state.at("0.steps"), Tree(full({}, 7)));
  auto [ps2, st2] = from_torch(model, state, Rng(1));
  EXPECT_SAME(ps2, ps);
  EXPECT_SAME(st2, st);
  EXPECT_SAME(from_torch(model, state.without("0.steps"), Rng(1)).second, st);
  EXPECT_ERROR(TreeError, from_torch(model, state.without("1.weight"), Rng(1)),
               "[from_torch] expected a state dict of the model, got missing 1.weight.");
}

// A table that setup computes, and that a state dict leaves out.
struct Table {
  std::vector<StateSpec> states() const {
    return {{"table",
             {3},
             [](Rng, ShapeView) { return tensor({1.F, 2.F, 4.F}); },
             kFloat32,
             {.dims = TensorLayout::Dims::Computed}}};
  }
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};

TEST(SpecLayouts, WhatIsComputedIsNoPartOfAStateDict) {
  const Chain model(Dense(3, 2), Table{});
  auto [ps, st] = setup(Rng(1), model);
  const Tree state = to_torch(model, ps, st);
  EXPECT_THAT(tree::paths(state), ElementsAre("0.weight", "0.bias"));
  EXPECT_SAME(from_torch(model, state).second, st);
  // Files that have it, as older ones of luxtorch's, are taken with their numbers.
  const Tree with = state.with("1", named({{"table", tensor({1.F, 3.F, 9.F})}}));
  auto [ps2, st2] = from_torch(model, with);
  EXPECT_SAME(ps2, ps);
  EXPECT_SAME(st2.at("layer_2.table"), with.at("1.table"));
  // Numbers that setup does not compute are not lost, in whatever dtype; setup's own are left out.
  EXPECT_SAME(to_torch(model, ps2, st2), with);
  EXPECT_SAME(to_torch(model, ps, tree::to(st, kFloat64)), state);
  EXPECT_ERROR(
      TreeError, from_torch(model, with.with("1.table", zeros({4}))),
      "[from_torch] expected a state dict of the model, got 1.table of shape (4,) in place "
      "of (3,).");
}

struct ComputedParameter {
  std::vector<ParameterSpec> parameters() const {
    return {{.name = "w",
             .shape = {3},
             .init = init::ones,
             .torch = {.dims = TensorLayout::Dims::Computed}}};
  }
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};

TEST(SpecLayouts, AParameterIsNotComputed) {
  try {
    setup(Rng(0), ComputedParameter{});
    ADD_FAILURE() << "a parameter that no state dict has";
  } catch (const ArgumentError& error) {
    EXPECT_EQ(
        error.message(),
        "expected .dims = Computed of a state that is a tensor, in PyTorch alone, got it of w.");
  }
}

// The other layouts of Lux know no computed tensors either.
struct ComputedInLux {
  bool of_0_5;
  std::vector<ParameterSpec> parameters() const {
    ParameterSpec w{.name = "w", .shape = {3}, .init = init::ones};
    (of_0_5 ? w.lux_0_5 : w.lux_cross_correlation) =
        TensorLayout{.dims = TensorLayout::Dims::Computed};
    return {w};
  }
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};

TEST(SpecLayouts, NothingIsComputedInLux) {
  for (const bool of_0_5 : {true, false}) {
    try {
      setup(Rng(0), ComputedInLux{of_0_5});
      ADD_FAILURE() << "a parameter that a file of Lux does not have";
    } catch (const ArgumentError& error) {
      EXPECT_EQ(
          error.message(),
          "expected .dims = Computed of a state that is a tensor, in PyTorch alone, got it of "
          "w in Lux.");
    }
  }
}

// Two layers whose parameters are rows of one tensor of the layer outside.
struct Row {
  int64_t rows;
  std::vector<ParameterSpec> parameters() const {
    return {{.name = "w",
             .shape = {rows, 2},
             .init = init::rand,
             .torch = {.name = "packed", .dims = TensorLayout::Dims::Rows}}};
  }
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};
struct TwoRows {
  Row first{1}, second{3};
  LUXTORCH_LAYERS(first, second)
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};

TEST(SpecLayouts, RowsAreOneTensorOfTheLayerOutside) {
  const Chain model(TwoRows{});
  auto [ps, st] = setup(Rng(1), model);
  const Tree state = to_torch(model, ps, st);
  EXPECT_THAT(tree::paths(state), ElementsAre("0.packed"));
  EXPECT_THAT(state.at("0.packed").tensor().sizes(), ElementsAre(4, 2));
  EXPECT_SAME(from_torch(model, state).first, ps);
}

TEST(SpecLayouts, OfLuxHaveItsNamesOrderAndDimensions) {
  Layer model = Chain(Kernel{}, Around{});
  auto [ps, st] = setup(Rng(1), model);
  auto [ps_lux, st_lux] = to_lux(model, ps, st);
  EXPECT_THAT(tree::paths(ps_lux), ElementsAre("layer_1.w", "layer_1.shift", "layer_2.inner.weight",
                                               "layer_2.inner.bias", "layer_2.w", "layer_2.shift"));
  EXPECT_SAME(ps_lux.at("layer_2.w"),
              Tree(flipped(ps.at("layer_2.kernel").tensor()).t().contiguous()));
  EXPECT_THAT(ps_lux.at("layer_2.inner.weight").tensor().sizes(), ElementsAre(3, 2));
  EXPECT_THAT(st_lux.at("layer_1.mean").tensor().sizes(), ElementsAre(1, 2));
  auto [ps2, st2] = from_lux(model, ps_lux, st_lux);
  EXPECT_SAME(ps2, ps);
  EXPECT_SAME(st2, st);
  EXPECT_ERROR(TreeError,
               from_lux(model, ps_lux.with("layer_1.w", zeros({2, 3})), st_lux.without("layer_1")),
               "[from_lux] expected the model's parameters and states in Lux's layout, got "
               "ps.layer_1.w of shape (2, 3) in place of (3, 2), missing st.layer_1.mean.");
}

TEST(SpecLayouts, OfLuxZeroFiveAreRecognizedByNameOrShape) {
  Layer model = Chain(Kernel{}, Dense(2, 3));
  auto [ps, st] = setup(Rng(1), model);
  auto [ps_lux, st_lux] = to_lux(model, ps, st, {.version = LuxVersion::V0_5});
  EXPECT_THAT(tree::paths(ps_lux), ElementsAre("layer_1.kernel_matrix", "layer_1.shift",
                                               "layer_2.weight", "layer_2.bias"));
  EXPECT_THAT(ps_lux.at("layer_1.shift").tensor().sizes(), ElementsAre(2, 1));
  EXPECT_THAT(ps_lux.at("layer_2.bias").tensor().sizes(), ElementsAre(3, 1));
  EXPECT_SAME(from_lux(model, ps_lux, st_lux).first, ps);
  // Each parameter by itself.
  auto mixed = ps_lux.with("layer_1.shift", ps.at("layer_1.shift"));
  EXPECT_SAME(from_lux(model, mixed, st_lux).first, ps);
}

TEST(SpecLayouts, ConversionsDrawNoParameter) {
  int draws = 0;
  Initializer counting = [&draws](Rng rng, ShapeView shape) {
    ++draws;
    return init::rand(rng, shape);
  };
  Chain model(
      Dense(2, 3, {.init_weight = counting}),
      compact(param("gain", counting, {3})).forward([](const Tensor& x, const Tensor& gain) {
        return x * gain;
      }));
  auto [ps, st] = setup(Rng(1), model);
  draws = 0;
  EXPECT_SAME(from_torch(model, to_torch(model, ps, st)).first, ps);
  auto [ps_lux, st_lux] = to_lux(model, ps, st);
  EXPECT_SAME(from_lux(model, ps_lux, st_lux).first, ps);
  EXPECT_EQ(draws, 0);
}

}  // namespace
}  // namespace luxtorch::testing
