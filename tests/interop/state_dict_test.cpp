// The names of a state dict, and what is said of one that does not fit.
#include "luxtorch/interop/state_dict.h"

#include <gmock/gmock.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include "interop/torch_models.h"
#include "luxtorch/compact.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/interop/torch_module.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/parallel.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

using ::testing::ElementsAre;

struct Gain {
  Tree initial_parameters(Rng rng) const {
    return named({{"gain", init::ones(rng, {2})}, {"pair", tuple({zeros({1}), zeros({2})})}});
  }
  Tree initial_states(Rng) const { return named({{"seen", zeros({3})}, {"calls", 0}}); }
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};

struct OwnCell {
  Dense gate{5, 3};
  LUXTORCH_LAYERS(gate)
  Tree initial_parameters(Rng rng) const { return named({{"start", init::ones(rng, {3})}}); }
  Out<Step> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {{x, {}}, st}; }
  Out<Step> operator()(const Tensor& x, const Tree&, const Tree&, const Tree& st) const {
    return {{x, {}}, st};
  }
};

std::vector<std::string> names_of(const Layer& model) {
  auto [ps, st] = setup(Rng(1), model);
  return tree::paths(to_torch(model, ps, st));
}

/// There and back is the same.
void expect_round_trip(const Layer& model) {
  auto [ps, st] = setup(Rng(1), model);
  auto state = to_torch(model, ps, st);
  auto [ps2, st2] = from_torch(model, state, Rng(1));
  EXPECT_SAME(ps, ps2);
  EXPECT_SAME(st, st2);
  EXPECT_SAME(state, to_torch(model, ps2, st2));
}

TEST(StateDict, ChainsCountFromZeroAndFieldsKeepTheirNames) {
  Layer model = Chain(Dense(2, 3), tanh, field("head", Dense(3, 1)), Dropout(0.5), Dense(1, 1));
  EXPECT_THAT(names_of(model),
              ElementsAre("0.weight", "0.bias", "head.weight", "head.bias", "4.weight", "4.bias"));
  expect_round_trip(model);
}

TEST(StateDict, OtherContainersCountLikewise) {
  Layer model = Parallel(Dense(4, 1), Dense(2, 2, {.use_bias = false}), BatchNorm(2));
  EXPECT_THAT(names_of(model),
              ElementsAre("layers.0.weight", "layers.1.weight", "layers.1.bias",
                          "layers.1.running_mean", "layers.1.running_var",
                          "layers.1.num_batches_tracked", "connection.weight", "connection.bias"));
  expect_round_trip(model);
  expect_round_trip(Maxout([] { return Dense(2, 3); }, 2));
}

TEST(StateDict, WrappersHaveNoLevel) {
  Layer model =
      Chain(SkipConnection(Dense(2, 2), [](const Tensor& a, const Tensor& b) { return a + b; }),
            RepeatedLayer(Dense(2, 2)));
  EXPECT_THAT(names_of(model), ElementsAre("0.weight", "0.bias", "1.weight", "1.bias"));
}

TEST(StateDict, ALayerOfOnesOwnHasItsOwnNames) {
  Layer model = Chain(Gain{}, Recurrence(OwnCell{}), StatefulRecurrentCell(OwnCell{}));
  EXPECT_THAT(names_of(model),
              ElementsAre("0.gain", "0.pair.0", "0.pair.1", "0.seen", "1.start", "1.gate.weight",
                          "1.gate.bias", "2.start", "2.gate.weight", "2.gate.bias"));
  expect_round_trip(model);
}

TEST(StateDict, DirectionsOfUnlikeCellsAreTwoModules) {
  Layer model = BidirectionalRNN(GRUCell(2, 3, {.use_bias = false}), OwnCell{});
  EXPECT_THAT(names_of(model), ElementsAre("forward_rnn.weight_ih_l0", "forward_rnn.weight_hh_l0",
                                           "backward_rnn.start", "backward_rnn.gate.weight",
                                           "backward_rnn.gate.bias"));
  expect_round_trip(model);
}

TEST(StateDict, CompactHasItsFieldsNames) {
  auto model =
      compact(field("cell", LSTMCell(2, 3, {.use_bias = false})),
              field("heads", std::vector<Dense>(2, Dense(3, 3, {.use_bias = false}))),
              param("scale", init::ones, {3}), state("count", 0), state("mean", zeros({3})))
          .forward(
              [](const Tensor& x, auto& cell, auto& heads, const Tensor& scale, int64_t&, Tensor&) {
                auto y = cell(x).y;
                for (auto& head : heads) y = head(y);
                return y * scale;
              });
  EXPECT_THAT(names_of(model), ElementsAre("scale", "mean", "cell.weight_ih", "cell.weight_hh",
                                           "heads.0.weight", "heads.1.weight"));
  expect_round_trip(model);
}

TEST(StateDict, ATorchModuleKeepsItsNames) {
  namespace nn = torch::nn;
  Layer model = Chain(functional(nn::Sequential(nn::Linear(2, 3), nn::BatchNorm1d(3))));
  EXPECT_THAT(names_of(model),
              ElementsAre("0.0.weight", "0.0.bias", "0.1.weight", "0.1.bias", "0.1.running_mean",
                          "0.1.running_var", "0.1.num_batches_tracked"));
  expect_round_trip(model);
}

TEST(StateDict, WhatItDoesNotHoldIsAsInANewModel) {
  Layer model = Chain(Dropout(0.5), StatefulRecurrentCell(RNNCell(2, 3)));
  auto [ps, st] = setup(Rng(1), model);
  auto used = testmode(apply<Tree>(model, zeros({4, 2}), ps, st).second);
  ASSERT_TRUE(used["layer_2"]["carry"].is_tuple());
  auto [ps2, st2] = from_torch(model, to_torch(model, ps, used), Rng(1));
  EXPECT_SAME(ps, ps2);
  EXPECT_SAME(st, st2);
}

TEST(StateDict, EveryMisfitIsNamedAtOnceInTheStateDictsNames) {
  Layer model = Chain(Dense(2, 3), Recurrence(LSTMCell(3, 4)), BatchNorm(4));
  auto [ps, st] = setup(Rng(1), model);
  auto state = to_torch(model, ps, st);
  auto wrong = state.with("0.weight", zeros({2, 3}))
                   .without("1.bias_hh_l0")
                   .with("1.weight_hr_l0", zeros({1}))
                   .with("2.running_mean", 3)
                   .with("epoch", 7);
  EXPECT_ERROR(
      TreeError, from_torch(model, wrong),
      "[from_torch] expected a state dict of the model, got 0.weight of shape (2, 3) in place "
      "of (3, 2), missing 1.bias_hh_l0, 2.running_mean is the int64 3 in place of a tensor, "
      "unexpected 1.weight_hr_l0, unexpected epoch.");
  // Torch before 0.4.1 did not count batches.
  EXPECT_SAME(from_torch(model, state.without("2.num_batches_tracked")).first, ps);
}

TEST(StateDict, AModuleOfDataParallelAndACheckpointAreKnown) {
  Layer model = Dense(2, 1);
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_ERROR(
      TreeError, from_torch(model, named({{"module", to_torch(model, ps, st)}})),
      "[from_torch] expected a state dict of the model, got missing weight, missing bias, "
      "unexpected module.bias, unexpected module.weight. All of them are there below module: "
      "hand over that part, state_dict[\"module\"] (DataParallel's name for its module).");
  EXPECT_ERROR(
      TreeError, from_torch(model, named({{"model", to_torch(model, ps, st)}, {"epoch", 3}})),
      "[from_torch] expected a state dict of the model, got missing weight, missing bias, "
      "unexpected epoch, unexpected model.bias, unexpected model.weight. All of them are there "
      "below model: hand over that part, state_dict[\"model\"].");
}

TEST(StateDict, ATrainedInitialStateIsRefusedByItsPath) {
  Layer model = Chain(Dense(2, 2), LSTM(2, 3, {.num_layers = 2, .train_memory = true}));
  auto [ps, st] = setup(Rng(1), model);
  const char* rest =
      " at layer_2.layer_1.memory: expected parameters that a torch module holds, got a trained "
      "initial state. Torch's modules start from zeros; leave .train_state and .train_memory out.";
  EXPECT_ERROR(UnsupportedError, to_torch(model, ps, st), std::string("[to_torch]") + rest);
  EXPECT_ERROR(UnsupportedError, from_torch(model, ps), std::string("[from_torch]") + rest);
}

TEST(StateDict, TwoPartsOfOneNameAreRefused) {
  Layer model = Chain(field("1", Dense(2, 2)), Dense(2, 2));
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_ERROR(UnsupportedError, to_torch(model, ps, st),
               "[to_torch] at layer_2.weight: expected a name of its own in the state dict, got "
               "1.weight, which another part has. Name the layers otherwise.");
}

TEST(StateDict, ParametersOfAnotherModelAreRefused) {
  Layer model = Dense(2, 1);
  auto [ps, st] = setup(Rng(1), Dense(2, 3));
  EXPECT_ERROR(
      TreeError, to_torch(model, ps, st),
      "[to_torch] expected parameters with the model's structure, got weight of shape (3, 2) "
      "in place of (1, 2), bias of shape (3,) in place of (1,). Are they of another model or "
      "version?");
}

TEST(StateDict, TensorsKeepTheirDtypes) {
  Layer model = Chain(Dense(2, 1), Dense(1, 1));
  auto [ps, st] = setup(Rng(1), model);
  auto mixed = ps.with("layer_1", tree::to(ps["layer_1"], Dtype::BFloat16));
  EXPECT_SAME(from_torch(model, to_torch(model, mixed, st)).first, mixed);
}

}  // namespace
}  // namespace luxtorch::testing
