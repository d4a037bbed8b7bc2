// What setup makes of a module, and modules that cannot be cloned.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>

#include <thread>

#include "interop/torch_module_cases.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/interop/torch_module.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

TEST(FunctionalSetup, DependsOnItsRngAloneAndLeavesTorchsGeneratorAlone) {
  auto generator = at::globalContext().defaultGenerator(at::kCPU);
  nn::LSTM module(2, 4);
  auto before = generator.get_state();
  auto layer = functional(module);
  auto ps = setup(Rng(5), layer).first;
  EXPECT_SAME(generator.get_state(), before);
  generator.set_current_seed(12345);
  EXPECT_SAME(setup(Rng(5), functional(nn::LSTM(2, 4))).first, ps);
  EXPECT_FALSE(tree::equal(setup(Rng(6), layer).first, ps));
}

TEST(FunctionalSetup, DrawsAsTheModuleDoes) {
  auto ps = setup(Rng(0), functional(nn::Linear(100, 300))).first;
  const auto& w = ps["weight"].tensor();  // uniform on +-1/sqrt(100)
  EXPECT_LT(w.abs().max().item<double>(), 0.1);
  EXPECT_GT(w.abs().max().item<double>(), 0.0999);
  EXPECT_NEAR(w.std().item<double>(), 0.1 / std::sqrt(3), 0.001);
  EXPECT_FALSE(w.requires_grad());
}

TEST(FunctionalSetup, GivesAPartTheSameValuesWhateverStandsBesideIt) {
  auto one = setup(Rng(0), functional(nn::Sequential(nn::Linear(3, 4)))).first;
  auto two = setup(Rng(0), functional(nn::Sequential(nn::Linear(3, 4), nn::Linear(4, 5)))).first;
  EXPECT_SAME(one["0"], two["0"]);
}

TEST(FunctionalSetup, KeepsTheModulesValuesOnRequest) {
  nn::Sequential module(nn::Linear(3, 4), nn::BatchNorm1d(4));
  module->forward(normal(1, {5, 3}));
  auto [ps, st] = setup(Rng(0), functional(module, kKeep));
  EXPECT_SAME(ps["0"]["weight"].tensor(), module->parameters()[0].detach());
  EXPECT_SAME(st["1"]["running_mean"].tensor(), module->buffers()[0]);
  auto fresh = setup(Rng(0), functional(module)).second;
  EXPECT_SAME(fresh["1"]["running_mean"].tensor(), zeros({4}));
}

TEST(FunctionalSetup, IsNotChangedByWhatHappensToTheModule) {
  nn::Linear module(3, 4);
  auto layer = functional(module, kKeep);
  auto before = setup(Rng(0), layer).first;
  {
    torch::NoGradGuard no_grad;
    module->weight.zero_();
  }
  EXPECT_SAME(setup(Rng(0), layer).first, before);
}

TEST(FunctionalSetup, NamesATiedParameterOnce) {
  struct TiedImpl : nn::Cloneable<TiedImpl> {
    Tensor weight;
    TiedImpl() { reset(); }
    void reset() override {
      weight = register_parameter("first", ones({3}) * 2.0);
      register_parameter("second", weight);
    }
    Tensor forward(const Tensor& x) { return x * weight * parameters_["second"]; }
  };
  auto layer = functional(std::make_shared<TiedImpl>());
  auto [initial, st] = setup(Rng(0), layer);
  EXPECT_THAT(initial.keys(), ElementsAre("first"));
  auto ps = leaves_with_gradients(initial);
  layer(ones({3}), ps, st).first.tensor().sum().backward();
  EXPECT_SAME(ps["first"].tensor().grad(), ones({3}) * 4.0);
}

// --- modules without clone()

struct NetImpl : nn::Module {
  nn::Linear first{nullptr}, last{nullptr};
  nn::BatchNorm1d norm{nullptr};
  NetImpl() {
    first = register_module("first", nn::Linear(3, 4));
    norm = register_module("norm", nn::BatchNorm1d(4));
    last = register_module("last", nn::Linear(4, 2));
  }
  Tensor forward(const Tensor& x) { return last->forward(norm->forward(first->forward(x)).tanh()); }
};
TORCH_MODULE(Net);

TEST(FunctionalWithoutClone, EqualsItsModule) {
  expect_equal_to_its_module(Net(), normal(1, {5, 3}));
}

TEST(FunctionalWithoutClone, LeavesTheModuleAsItWas) {
  Net module;
  module->norm->eval();
  auto x = normal(1, {5, 3});
  module->forward(x).sum().backward();
  auto before = snapshot(*module);
  auto* data = module->first->weight.const_data_ptr();
  auto gradient = module->first->weight.grad().clone();
  auto layer = functional(module);
  auto [initial, st] = setup(Rng(1), layer);
  auto ps = leaves_with_gradients(initial);
  auto [y, st2] = layer(x, ps, st);
  loss_of(y).backward();
  EXPECT_THROW(layer(ones({5, 7}), ps, st), TorchError);
  EXPECT_SAME(snapshot(*module), before);
  EXPECT_EQ(module->first->weight.const_data_ptr(), data);
  EXPECT_SAME(module->first->weight.grad(), gradient);
  EXPECT_TRUE(module->first->weight.requires_grad());
  EXPECT_FALSE(module->norm->is_training());
  EXPECT_TRUE(module->first->is_training());
  EXPECT_EQ(st2["norm"]["num_batches_tracked"].tensor().item<int64_t>(), 1);
}

TEST(FunctionalWithoutClone, TakesTurnsOnSeveralThreads) {
  auto layer = functional(Net());
  auto x = normal(1, {8, 3});
  auto st = setup(Rng(0), layer).second;
  auto run = [&](uint64_t seed) {
    auto ps = leaves_with_gradients(setup(Rng(seed), layer).first);
    loss_of(layer(x, ps, st).first).backward();
    return gradients(ps);
  };
  std::vector<Tree> expected{run(0), run(1)};
  std::vector<int> wrong(2, 0);
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 30; ++k) wrong[i] += !tree::equal(run(i), expected[i]);
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_THAT(wrong, ElementsAre(0, 0));
}

TEST(FunctionalWithoutClone, RefusesGradientsOfSecondOrder) {
  auto layer = functional(Net());
  auto [initial, st] = setup(Rng(1), layer);
  auto ps = leaves_with_gradients(initial);
  auto y = layer(normal(1, {5, 3}), ps, st).first.tensor();
  EXPECT_THAT(message([&] { torch::autograd::grad({y.sum()}, tree::tensors(ps), {}, true, true); }),
              HasSubstr("Derive the module from torch::nn::Cloneable"));
}

}  // namespace
}  // namespace luxtorch
