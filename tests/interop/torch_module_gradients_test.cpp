// Gradients through functional(), of first and second order, and the parameters that they need.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <thread>

#include "interop/torch_module_cases.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/interop/torch_module.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

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
  layer(x, initial, st);  // the first call works on copies
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
  layer(normal(1, {5, 3}), initial, st);  // the first call works on copies
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

}  // namespace
}  // namespace luxtorch
