// Tied weights stay tied in training, in checkpoints, and as one vector.
#include "luxtorch/ties.h"

#include <gtest/gtest.h>

#include "luxtorch/autodiff/flatten.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/checkpoint/checkpoint.h"
#include "luxtorch/interop/state_dict.h"
#include "luxtorch/io/safetensors.h"
#include "luxtorch/losses/loss.h"
#include "support/compare.h"
#include "support/files.h"
#include "train/train_state_cases.h"

namespace luxtorch {
namespace {

using testing::values;

const std::vector<std::vector<std::string>> kPaths = {{"layer_1.weight", "layer_2.weight"}};

Chain square() { return Chain(Dense(3, 3, tanh), Dense(3, 3)); }
Tree tied() {
  auto ps = setup(Rng(1), square()).first;
  return ps.with("layer_2.weight", ps.at("layer_1.weight").tensor());
}
TrainState of_two_layers(const Tree& ps, Optimizer o = Adam(0.01)) {
  return TrainState(square(), ps, setup(Rng(1), square()).second, std::move(o));
}
Tree square_batch(double seed) { return tuple({values({8, 3}, seed), values({8, 3}, seed + 1)}); }
void train_(TrainState& ts, int first) {
  for (int i = first; i < first + 3; ++i) single_train_step_(MSELoss{}, square_batch(i), ts);
}

TEST(TiedTraining, StaysOneParameterInAnotherDtype) {
  auto ts = of_two_layers(tree::to(tied(), kFloat64)), plain = of_two_layers(tied());
  EXPECT_EQ(ties(ts.parameters()), kPaths);
  for (int i = 0; i < 3; ++i) {
    single_train_step_(MSELoss{}, tree::to(square_batch(i), kFloat64), ts);
    single_train_step_(MSELoss{}, square_batch(i), plain);
  }
  EXPECT_EQ(ties(ts.parameters()), kPaths);
  EXPECT_LT(testing::relative_difference(tree::to(ts.parameters(), kFloat32), plain.parameters()),
            1e-4);
}

TEST(TiedTraining, GoesOnFromACheckpointAndFromItsParameters) {
  auto ts = of_two_layers(tied()), again = of_two_layers(tied());
  train_(ts, 0);
  auto c = load_checkpoint(CheckpointFolder(test::fresh_folder("ties")).save(ts));
  EXPECT_EQ(ties(c.parameters), kPaths);
  c.restore_(again);
  auto fresh_moments = of_two_layers(c.parameters);
  fresh_moments.set_optimizer_state_(c.optimizer_state);
  train_(ts, 3), train_(again, 3);
  for (int i = 3; i < 6; ++i) single_train_step_(MSELoss{}, square_batch(i), fresh_moments);
  EXPECT_SAME(again.parameters(), ts.parameters());
  EXPECT_SAME(fresh_moments.parameters(), ts.parameters());
  EXPECT_EQ(ties(again.parameters()), kPaths);
}

TEST(TiedTraining, ValuesThatAreNotTheSameAreRefused) {
  auto ts = of_two_layers(tied());
  const Tree before = ts.parameters();
  Tree apart = tied().with("layer_2.weight", values({3, 3}, 9));
  EXPECT_ERROR(ArgumentError, ts.set_parameters_(apart),
               "[set_parameters_] at layer_2.weight: expected the values of layer_1.weight, with "
               "which it is tied, got others. Give both the same, or make a TrainState whose "
               "parameters are not tied.");
  EXPECT_SAME(ts.parameters(), before);
  Tree moments = ts.optimizer_state();
  EXPECT_THROW(ts.set_optimizer_state_(moments.with("m.layer_2.weight", ones({3, 3}))),
               ArgumentError);
  Tree same = tied().with("layer_2.weight", tied().at("layer_1.weight").tensor().clone());
  ts.set_parameters_(same);
  EXPECT_EQ(ties(ts.parameters()), kPaths);
}

TEST(TiedTraining, SharedPartsMoveOnceByTheSumOfTheirGradients) {
  auto [plain, st] = setup(Rng(1), square());
  Tree ps = share_parameters(plain, {{"layer_1", "layer_2"}});
  auto grads = grad([&](const Tree& p) {
    auto [y, _] = square()(square_batch(0)[0], p, st);
    return MSELoss{}(y.tensor(), square_batch(0)[1].tensor());
  })(share_parameters(plain, {{"layer_2"}},
                      {tree::map_tensors([](const Tensor& t) { return t.clone(); },
                                         ps["layer_1"])}));
  auto ts = of_two_layers(ps, Descent(0.1));
  single_train_step_(MSELoss{}, square_batch(0), ts);
  for (const char* name : {"weight", "bias"}) {
    Tensor sum = grads["layer_1"][name].tensor() + grads["layer_2"][name].tensor();
    Tensor expected = ps["layer_1"][name].tensor() - sum * 0.1;
    EXPECT_CLOSE(ts.parameters()["layer_1"][name].tensor(), expected, testing::kPlainFloat32);
  }
  EXPECT_EQ(ties(ts.parameters()), ties(ps));
}

TEST(TiedTraining, SharedPartsInFilesAndStateDicts) {
  auto [plain, st] = setup(Rng(1), square());
  Tree ps = share_parameters(plain, {{"layer_1", "layer_2"}});
  auto file = test::fresh_folder("shared") / "ps.safetensors";
  safetensors::save(file, ps);
  EXPECT_EQ(ties(safetensors::load(file)), ties(ps));
  Tree dict = to_torch(square(), ps, st);
  EXPECT_SAME(dict.at("0.weight"), dict.at("1.weight"));
  EXPECT_EQ(ties(with_ties_of(from_torch(square(), dict).first, ps)), ties(ps));
}

TEST(TiedTraining, AsOneVectorIsThereOnce) {
  Tree ps = tied();
  auto [flat, rebuild] = flatten(ps);
  EXPECT_EQ(flat.numel(), 9 + 3 + 3);
  EXPECT_EQ(ties(rebuild(flat)), kPaths);
  EXPECT_SAME(rebuild(flat), ps);
  auto slope = grad([&, rebuild = rebuild](const Tensor& v) {
    Tree at = rebuild(v);
    return (at.at("layer_1.weight").tensor() * 2 + at.at("layer_2.weight").tensor() * 3).sum();
  })(flat);
  EXPECT_CLOSE(slope.narrow(0, 0, 9), full({9}, 5), 0);
}

}  // namespace
}  // namespace luxtorch
