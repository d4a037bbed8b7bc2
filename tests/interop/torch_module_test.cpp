#include "luxtorch/interop/torch_module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/any.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>

#include "interop/torch_module_cases.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/train/train_state.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

TEST(Functional, LinearEqualsItsModule) {
  expect_equal_to_its_module(nn::Linear(3, 4), normal(1, {5, 3}));
  expect_equal_to_its_module(nn::Linear(nn::LinearOptions(3, 4).bias(false)), normal(1, {5, 3}));
}
TEST(Functional, SequentialEqualsItsModule) {
  expect_equal_to_its_module(nn::Sequential(nn::Linear(3, 4), nn::Tanh(), nn::Linear(4, 2)),
                             normal(1, {5, 3}));
}
TEST(Functional, BatchNormEqualsItsModule) {
  expect_equal_to_its_module(nn::BatchNorm1d(3), normal(1, {5, 3}));
}
TEST(Functional, LstmEqualsItsModule) {
  expect_equal_to_its_module(nn::LSTM(nn::LSTMOptions(2, 4).batch_first(true)),
                             normal(1, {3, 6, 2}));
  expect_equal_to_its_module(nn::LSTM(nn::LSTMOptions(2, 4).num_layers(2).bidirectional(true)),
                             normal(1, {6, 3, 2}));
}

TEST(Functional, NestsParametersByTheModulesNames) {
  auto layer = functional(nn::Sequential(nn::Linear(3, 4), nn::Tanh(), nn::Linear(4, 2)));
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_THAT(tree::paths(ps), ElementsAre("0.weight", "0.bias", "2.weight", "2.bias"));
  EXPECT_THAT(tree::paths(st), ElementsAre("training"));
  EXPECT_EQ(parameter_length(layer), 3 * 4 + 4 + 4 * 2 + 2);
  auto norm =
      setup(Rng(0), functional(nn::Sequential(nn::Linear(3, 4), nn::BatchNorm1d(4)))).second;
  EXPECT_THAT(tree::paths(norm),
              ElementsAre("1.running_mean", "1.running_var", "1.num_batches_tracked", "training"));
}

TEST(Functional, KeepsTheNamesOfANamedSequential) {
  nn::Sequential module({{"encoder", nn::Linear(3, 4)}, {"head", nn::Linear(4, 2)}});
  auto layer = functional(module, kKeep);
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_THAT(ps.keys(), ElementsAre("encoder", "head"));
  auto x = normal(1, {5, 3});
  EXPECT_SAME(layer(x, ps, st).first, module->forward(x).detach());
}

TEST(Functional, TakesAnyModulesAndSharedPointers) {
  nn::Linear linear(3, 4);
  nn::LSTM lstm(2, 4);
  auto x = normal(1, {5, 3}), xs = normal(1, {6, 3, 2});
  auto same = [](const FunctionalModule& a, const FunctionalModule& b, const Tree& x) {
    auto [ps, st] = setup(Rng(0), a);
    EXPECT_SAME(ps, setup(Rng(0), b).first);
    EXPECT_SAME(a(x, ps, st).first, b(x, ps, st).first);
  };
  same(functional(nn::AnyModule(linear)), functional(linear), x);
  same(functional(linear.ptr()), functional(linear), x);
  same(functional(nn::AnyModule(lstm)), functional(lstm), xs);
  auto carry = tuple({normal(2, {1, 3, 4}), normal(3, {1, 3, 4})});
  same(functional(nn::AnyModule(lstm)), functional(lstm), tuple({xs, carry}));
  auto alone = functional(lstm, kKeep), within = functional(nn::Sequential(lstm), kKeep);
  auto [ps, st] = setup(Rng(0), within);
  EXPECT_SAME(within(xs, ps, st).first, alone(xs, ps["0"], st).first);
}

TEST(Functional, GivesTheStateOfAnLstmAndTakesItBack) {
  nn::LSTM lstm(nn::LSTMOptions(2, 4).batch_first(true));
  auto layer = functional(lstm, kKeep);
  auto [ps, st] = setup(Rng(0), layer);
  auto x = normal(1, {3, 6, 2});
  auto whole = layer(x, ps, st).first;
  EXPECT_EQ(whole[0].tensor().sizes(), Shape({3, 6, 4}));
  EXPECT_EQ(whole[1][0].tensor().sizes(), Shape({1, 3, 4}));
  auto first = layer(x.narrow(1, 0, 2), ps, st).first;
  auto second = layer(tuple({x.narrow(1, 2, 4), first[1]}), ps, st).first;
  EXPECT_CLOSE(second[0].tensor(), whole[0].tensor().narrow(1, 2, 4), kPlainFloat32);
  EXPECT_TREES_CLOSE(second[1], whole[1], kPlainFloat32);
}

TEST(Functional, RunsInAChain) {
  Layer model = Chain(functional(nn::Linear(3, 4)), luxtorch::tanh, Dense(4, 2));
  auto [ps, st] = setup(Rng(0), model);
  EXPECT_THAT(ps.keys(), ElementsAre("layer_1", "layer_2", "layer_3"));
  auto x = normal(1, {5, 3});
  auto y = apply<Tensor>(model, x, ps, st).first;
  const auto& first = ps["layer_1"];
  const auto& last = ps["layer_3"];
  auto hidden = (x.matmul(first["weight"].tensor().t()) + first["bias"].tensor()).tanh();
  EXPECT_CLOSE(y, hidden.matmul(last["weight"].tensor().t()) + last["bias"].tensor(),
               kPlainFloat32);
  EXPECT_THAT(show(model),
              HasSubstr("functional(torch::nn::Linear(in_features=3, out_features=4, bias=true))"));
}

TEST(Functional, GivesItsGradientsToValueAndGrad) {
  Layer model = Chain(functional(nn::Linear(3, 4)), functional(nn::BatchNorm1d(4)));
  auto [ps, st] = setup(Rng(0), model);
  auto x = normal(1, {5, 3}), y = normal(2, {5, 4});
  auto [loss, grads, out] =
      value_and_grad([&](const Tree& p) { return MSELoss{}(model, p, st, tuple({x, y})); }, ps);
  auto leaves = leaves_with_gradients(ps);
  auto expected = (model(x, leaves, st).first.tensor() - y).pow(2).mean();
  expected.backward();
  EXPECT_CLOSE(loss, expected.detach(), kPlainFloat32);
  EXPECT_TREES_CLOSE(grads, gradients(leaves), kPlainFloat32);
  EXPECT_EQ(out.st["layer_2"]["num_batches_tracked"].tensor().item<int64_t>(), 1);
}

TEST(Functional, TrainsInATrainStateWithoutCopiesOfTheParameters) {
  Layer model = Chain(functional(nn::Sequential(nn::Linear(3, 8), nn::Tanh(), nn::BatchNorm1d(8))),
                      Dense(8, 1));
  auto [ps, st] = setup(Rng(0), model);
  TrainState ts(model, ps, st, Adam(0.01));
  auto x = normal(1, {32, 3});
  auto batch = tuple({x, x.sum(1, true)});
  auto address = [&] { return ts.parameters().at("layer_1.0.weight").tensor().const_data_ptr(); };
  auto before = address();
  auto first = single_train_step_(MSELoss{}, batch, ts).loss.item<double>();
  for (int i = 0; i < 200; ++i) single_train_step_(MSELoss{}, batch, ts);
  EXPECT_EQ(address(), before);
  EXPECT_LT(single_train_step_(MSELoss{}, batch, ts).loss.item<double>(), first / 10);
  auto batches = ts.states().at("layer_1.2.num_batches_tracked");
  EXPECT_EQ(batches.tensor().item<int64_t>(), 202);
}

TEST(Functional, BatchNormAveragesInTrainingAndUsesTheAveragesInTestMode) {
  nn::BatchNorm1d module(3);
  auto layer = functional(module, kKeep);
  auto [ps, st] = setup(Rng(0), layer);
  auto before = tree::map_tensors([](const Tensor& t) { return t.clone(); }, st);
  auto x = normal(1, {16, 3}) * 2 + 1;
  auto st2 = layer(x, ps, st).second;
  auto st3 = layer(x, ps, st2).second;
  EXPECT_SAME(st, before);
  EXPECT_EQ(tree::difference(st, st3), "");
  EXPECT_EQ(st3["num_batches_tracked"].tensor().item<int64_t>(), 2);
  auto test = layer(x, ps, testmode(st3));
  EXPECT_SAME(test.second, testmode(st3));

  module->forward(x), module->forward(x);
  EXPECT_SAME(st3["running_mean"].tensor(), module->running_mean);
  EXPECT_SAME(st3["running_var"].tensor(), module->running_var);
  module->eval();
  EXPECT_SAME(test.first.tensor(), module->forward(x).detach());
}

TEST(Functional, DropoutIsReplayedFromItsRngAndLeavesTorchsGeneratorAlone) {
  auto generator = at::globalContext().defaultGenerator(at::kCPU);
  auto layer = functional(nn::Sequential(nn::Linear(8, 8), nn::Dropout(0.5)));
  auto [ps, st] = setup(Rng(0), layer);
  auto x = normal(1, {32, 8});
  auto before = generator.get_state();
  auto [y, st2] = layer(x, ps, st);
  EXPECT_SAME(layer(x, ps, st).first, y);
  auto another = layer(x, ps, st2).first;
  EXPECT_FALSE(tree::equal(another, y));
  EXPECT_SAME(generator.get_state(), before);
  auto test = layer(x, ps, testmode(st));
  EXPECT_SAME(test.second, testmode(st));
  EXPECT_EQ((test.first.tensor() == 0).sum().item<int64_t>(), 0);
  EXPECT_GT((y.tensor() == 0).sum().item<int64_t>(), 64);
}

}  // namespace
}  // namespace luxtorch
