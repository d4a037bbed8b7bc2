#include "luxtorch/interop/torch_module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/any.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>

#include <thread>

#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/train/grad.h"
#include "luxtorch/train/loss.h"
#include "luxtorch/train/train_state.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

namespace nn = torch::nn;
using luxtorch::testing::kPlainFloat32;
using luxtorch::testing::kPlainFloat64;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr FunctionalOptions kKeep{.keep_values = true};

Tensor normal(uint64_t seed, Shape shape) { return random::normal(Rng(seed), shape); }

/// ps with other numbers, since setup gives a BatchNorm the same ones for every seed.
Tree drawn(const Tree& ps, uint64_t seed) {
  return tree::map(
      [&](const std::string& path, const Tree& p) {
        return Tree(random::normal(Rng(seed).fold_in(path), p.tensor().sizes()));
      },
      ps);
}
Tree leaves_with_gradients(const Tree& ps) {
  return tree::map_tensors([](const Tensor& t) { return t.detach().clone().requires_grad_(); }, ps);
}
Tree gradients(const Tree& ps) {
  return tree::map_tensors([](const Tensor& t) { return t.grad(); }, ps);
}
/// A number that depends on every element of y in another way.
Tensor loss_of(const Tree& y) {
  auto loss = zeros({});
  for (const auto& t : tree::tensors(y))
    loss = loss + (t * normal(99, t.sizes()).to(t.scalar_type())).sum();
  return loss;
}
Tree snapshot(const nn::Module& m) {
  std::vector<Tree> tensors;
  for (const auto& t : m.parameters()) tensors.push_back(t.detach().clone());
  for (const auto& t : m.buffers()) tensors.push_back(t.detach().clone());
  return tuple(std::move(tensors));
}
template <class F>
std::string message(F f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "nothing was thrown";
}

// forward(x) of the module itself, with gradients of the loss in the order of its parameters and x.
template <class M>
std::pair<Tree, std::vector<Tensor>> reference(M& module, const Tensor& x) {
  auto input = x.detach().clone().requires_grad_();
  auto y = to_tree(module->forward(input));
  auto sources = module->parameters();
  sources.push_back(input);
  return {y, torch::autograd::grad({loss_of(y)}, sources)};
}

// A layer made from the module gives the same bits and the same gradients, for ps other than the module's own, too.
template <class M>
void expect_equal_to_its_module(M module, const Tensor& x) {
  auto before = snapshot(*module);
  auto layer = functional(module);
  auto [ps, st] = setup(Rng(3), layer);
  ps = leaves_with_gradients(ps);
  auto input = x.detach().clone().requires_grad_();
  auto [y, st2] = layer(input, ps, st);
  loss_of(y).backward();
  EXPECT_SAME(snapshot(*module), before);
  for (const auto& p : module->parameters()) EXPECT_FALSE(p.grad().defined());

  {
    torch::NoGradGuard no_grad;
    auto own = module->parameters();
    auto values = tree::tensors(ps);
    ASSERT_EQ(own.size(), values.size());
    for (size_t i = 0; i < own.size(); ++i) own[i].copy_(values[i]);
  }
  auto [expected, expected_gradients] = reference(module, x);
  EXPECT_SAME(tree::map_tensors([](const Tensor& t) { return t.detach(); }, y),
              tree::map_tensors([](const Tensor& t) { return t.detach(); }, expected));
  auto found = tree::tensors(gradients(ps));
  found.push_back(input.grad());
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_CLOSE(found[i], expected_gradients[i], kPlainFloat32) << i;
}

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

// --- several calls

TEST(Functional, CallsBeforeABackwardPassKeepTheirOwnParameters) {
  auto layer = functional(nn::Sequential(nn::Linear(3, 4), nn::BatchNorm1d(4), nn::Tanh()));
  auto x = normal(1, {5, 3});
  std::vector<Tree> all;
  std::vector<Tensor> losses;
  for (uint64_t i = 0; i < 3; ++i) {
    auto [ps, st] = setup(Rng(0), layer);
    all.push_back(leaves_with_gradients(drawn(ps, i)));
    losses.push_back(loss_of(layer(x, all.back(), st).first));
  }
  for (auto& loss : losses) loss.backward();
  for (uint64_t i = 0; i < 3; ++i) {
    auto alone = leaves_with_gradients(all[i]);
    loss_of(layer(x, alone, setup(Rng(0), layer).second).first).backward();
    EXPECT_SAME(gradients(all[i]), gradients(alone)) << i;
  }
}

TEST(Functional, LetsGoOfTheParametersAfterTheBackwardPass) {
  auto layer = functional(nn::Sequential(nn::Linear(3, 4), nn::Linear(4, 2)));
  auto [initial, st] = setup(Rng(0), layer);
  auto ps = leaves_with_gradients(initial);
  const auto& weight = ps["1"]["weight"].tensor();
  auto x = normal(1, {5, 3});
  auto y = layer(x, ps, st).first;
  EXPECT_GT(weight.storage().use_count(), 1u);
  loss_of(y).backward();
  EXPECT_EQ(weight.storage().use_count(), 1u);
  {
    torch::NoGradGuard no_grad;
    layer(x, ps, st);
    EXPECT_EQ(weight.storage().use_count(), 1u);
  }
}

TEST(Functional, NoticesAParameterChangedInPlaceBeforeTheBackwardPass) {
  auto layer = functional(nn::Sequential(nn::Linear(3, 4), nn::Linear(4, 2)));
  auto [initial, st] = setup(Rng(0), layer);
  auto ps = leaves_with_gradients(initial);
  auto loss = loss_of(layer(normal(1, {5, 3}), ps, st).first);
  {
    torch::NoGradGuard no_grad;
    ps["1"]["weight"].tensor().mul_(2);
  }
  EXPECT_THAT(message([&] { loss.backward(); }), HasSubstr("modified by an inplace operation"));
}

TEST(Functional, GivesGradientsOfSecondOrder) {
  auto layer = functional(nn::Sequential(nn::Linear(3, 4), nn::Tanh(), nn::Linear(4, 1)));
  auto [initial, st] = setup(Rng(0), layer);
  auto ps = leaves_with_gradients(initial);
  auto x = normal(1, {5, 3}).requires_grad_();
  auto penalty = [&](const Tensor& y) {
    return torch::autograd::grad({y.sum()}, {x}, {}, true, true)[0].pow(2).sum();
  };
  auto sources = tree::tensors(ps);
  sources.pop_back();  // the last bias has none
  auto found = torch::autograd::grad({penalty(layer(x, ps, st).first.tensor())}, sources);
  auto linear = [&](const Tensor& z, const char* name) {
    return z.matmul(ps[name]["weight"].tensor().t()) + ps[name]["bias"].tensor();
  };
  auto expected = torch::autograd::grad({penalty(linear(linear(x, "0").tanh(), "2"))}, sources);
  for (size_t i = 0; i < sources.size(); ++i)
    EXPECT_CLOSE(found[i], expected[i], kPlainFloat32) << i;
}

TEST(Functional, GivesGradientsToTheInputAlone) {
  nn::Linear linear(3, 4);
  auto layer = functional(linear, kKeep);
  auto [ps, st] = setup(Rng(0), layer);
  auto x = normal(1, {5, 3}).requires_grad_();
  loss_of(layer(x, ps, st).first).backward();
  EXPECT_CLOSE(x.grad(), reference(linear, x).second.back(), kPlainFloat32);
  EXPECT_EQ(ps["weight"].tensor().storage().use_count(), 1u);
}

TEST(Functional, RunsOnSeveralThreadsWithDifferentParameters) {
  auto layer =
      functional(nn::Sequential(nn::Linear(3, 16), nn::BatchNorm1d(16), nn::Linear(16, 2)));
  auto x = normal(1, {8, 3});
  auto st = setup(Rng(0), layer).second;
  auto run = [&](uint64_t seed) {
    auto ps = leaves_with_gradients(drawn(setup(Rng(0), layer).first, seed));
    auto y = layer(x, ps, st).first;
    loss_of(y).backward();
    return tuple({y.tensor().detach(), gradients(ps)});
  };
  std::vector<Tree> expected;
  for (uint64_t i = 0; i < 4; ++i) expected.push_back(run(i));
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 50; ++k) wrong[i] += !tree::equal(run(i), expected[i]);
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_THAT(wrong, ElementsAre(0, 0, 0, 0));
}

TEST(Functional, GivesAParameterThatTheModuleReturns) {
  struct ConstantImpl : nn::Cloneable<ConstantImpl> {
    Tensor value;
    ConstantImpl() { reset(); }
    void reset() override { value = register_parameter("value", zeros({3})); }
    Tensor forward(const Tensor&) { return value; }
  };
  auto layer = functional(std::make_shared<ConstantImpl>());
  auto ps = named({{"value", tensor({1.0, 2.0, 3.0}).requires_grad_()}});
  auto [y, st] = layer(ones({1}), ps, setup(Rng(0), layer).second);
  layer(ones({1}), named({{"value", zeros({3})}}), st);
  EXPECT_SAME(y.tensor().detach(), ps["value"].tensor().detach());
  y.tensor().sum().backward();
  EXPECT_SAME(ps["value"].tensor().grad(), ones({3}));
}

// --- states

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

// --- setup

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
  EXPECT_THROW(layer(ones({5, 7}), ps, st), c10::Error);
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

// --- errors

TEST(FunctionalErrors, ListMissingUnexpectedAndMisshapedNamesTogether) {
  auto layer = functional(nn::Sequential(nn::Linear(3, 4), nn::Linear(4, 2)));
  auto [ps, st] = setup(Rng(0), layer);
  auto wrong = ps.without("0.bias").with("1.weight", zeros({2, 5})).with("1.scale", zeros({1}));
  auto text = message([&] { layer(ones({5, 3}), wrong, st); });
  EXPECT_THAT(text, HasSubstr("missing 0.bias"));
  EXPECT_THAT(text, HasSubstr("1.weight of shape (2, 5) in place of (2, 4)"));
  EXPECT_THAT(text, HasSubstr("unexpected 1.scale"));
  EXPECT_THROW(layer(ones({5, 3}), wrong, st), TreeError);
  EXPECT_THROW(layer(ones({5, 3}), Tree(), st), TreeError);
  EXPECT_THAT(message([&] { layer(ones({5, 3}), ps, named({})); }), HasSubstr("missing training"));
  EXPECT_THAT(message([&] { layer(ones({5, 3}), ps, st.with("more", 1)); }),
              HasSubstr("unexpected more"));
}

TEST(FunctionalErrors, TakeParametersInAnyOrder) {
  auto layer = functional(nn::Linear(3, 4));
  auto [ps, st] = setup(Rng(0), layer);
  auto turned = named({{"bias", ps["bias"]}, {"weight", ps["weight"]}});
  EXPECT_SAME(layer(ones({5, 3}), turned, st).first, layer(ones({5, 3}), ps, st).first);
}

TEST(FunctionalErrors, SayWhereTorchComplains) {
  Layer model = Chain(functional(nn::Linear(3, 4)), functional(nn::Linear(5, 2)));
  auto [ps, st] = setup(Rng(0), model);
  auto text = message([&] { model(ones({6, 3}), ps, st); });
  EXPECT_THAT(text, HasSubstr("layer_2"));
  EXPECT_THAT(text, HasSubstr("mat1 and mat2"));
}

TEST(FunctionalErrors, AnExceptionLeavesTheLayerUsable) {
  auto layer = functional(nn::Linear(3, 4));
  auto [initial, st] = setup(Rng(0), layer);
  auto ps = leaves_with_gradients(initial);
  auto expected = layer(ones({2, 3}), initial, st).first;
  EXPECT_THROW(layer(ones({2, 7}), ps, st), c10::Error);
  EXPECT_EQ(ps["weight"].tensor().storage().use_count(), 1u);
  EXPECT_SAME(layer(ones({2, 3}), initial, st).first, expected);
}

TEST(FunctionalErrors, RefuseInputsThatTheModuleDoesNotTake) {
  auto layer = functional(nn::Linear(3, 4));
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_THAT(message([&] { layer(tuple({ones({2, 3}), ones({2, 3})}), ps, st); }),
              HasSubstr("got a tuple of 2"));
  EXPECT_THAT(message([&] { layer(Tree(1), ps, st); }), HasSubstr("torch::nn::Linear"));
  EXPECT_THROW(functional(nn::Linear(nullptr)), ArgumentError);
  EXPECT_THROW(functional(nn::AnyModule()), ArgumentError);
}

TEST(FunctionalErrors, RefuseABufferNamedTraining) {
  struct OddImpl : nn::Module {
    OddImpl() { register_buffer("training", zeros({1})); }
    Tensor forward(const Tensor& x) { return x; }
  };
  EXPECT_THROW(functional(std::make_shared<OddImpl>()), ArgumentError);
}

}  // namespace
}  // namespace luxtorch
