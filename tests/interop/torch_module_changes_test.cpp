// functional() of modules that change in place what they are given, and of modules whose members were assigned.
#include <gtest/gtest.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/functional/activation.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>

#include "interop/torch_module_cases.h"
#include "luxtorch/autodiff/derivatives.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/autodiff/vmap.h"
#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/interop/torch_module.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

// Calls the layer often, in both modes and under transforms, and compares x with itself before, and y with the module's.
template <class M>
void expect_x_unchanged(M module, const Tensor& x) {
  auto layer = functional(module);
  const auto [ps, st] = setup(Rng(0), layer);
  const Tensor before = x.clone();
  const auto test = testmode(st);
  module->eval();
  const Tensor expected = module->forward(x.clone());
  for (int i = 0; i < 3; ++i) {
    layer(x, ps, st);
    EXPECT_SAME(x, before) << "in training";
    EXPECT_SAME(layer(x, ps, test).first, Tree(expected));
    EXPECT_SAME(x, before) << "in test mode";
  }
  {
    c10::InferenceMode inference;
    layer(x, ps, test);
  }
  EXPECT_SAME(x, before);
  auto f = [&, ps = ps](const Tensor& at) { return layer(at, ps, test).first.tensor(); };
  EXPECT_SAME(vmap(f)(x), expected);
  EXPECT_SAME(jvp(f, x, x).y, expected);
  EXPECT_SAME(x, before);
  auto loss = [&](const Tree& at) { return (f(at.tensor()) * before).sum(); };
  const Tensor input = before.clone().requires_grad_();
  (layer(input, ps, test).first.tensor() * before).sum().backward();
  EXPECT_SAME(input.detach(), before);
  EXPECT_CLOSE(input.grad(), grad(loss, Tree(x)).tensor(), kPlainFloat32);
  const Tensor outside = before.clone().requires_grad_();
  (module->forward(outside * 1) * before).sum().backward();
  EXPECT_CLOSE(input.grad(), outside.grad(), kPlainFloat32);
}

struct OwnInPlaceImpl : nn::Cloneable<OwnInPlaceImpl> {
  void reset() override {}
  Tensor forward(Tensor x) { return x.mul_(2).add_(1); }
};
struct NoCloneInPlaceImpl : nn::Module {
  Tensor forward(Tensor x) { return x.mul_(2).add_(1); }
};

TEST(FunctionalChanges, LeaveXAsItWas) {
  const Tensor x = normal(1, {4, 3});
  expect_x_unchanged(nn::ReLU(nn::ReLUOptions().inplace(true)), x);
  expect_x_unchanged(nn::ELU(nn::ELUOptions().inplace(true)), x);
  expect_x_unchanged(nn::Hardtanh(nn::HardtanhOptions().inplace(true)), x);
  expect_x_unchanged(nn::LeakyReLU(nn::LeakyReLUOptions().inplace(true)), x);
  expect_x_unchanged(nn::Sequential(nn::ReLU6(nn::ReLU6Options().inplace(true))), x);
  expect_x_unchanged(std::make_shared<OwnInPlaceImpl>(), x);
}

TEST(FunctionalChanges, LeaveXAsItWasWhereTrainingAloneChangesIt) {
  const Tensor x = normal(1, {4, 3}), before = x.clone();
  auto layer = functional(nn::Dropout(nn::DropoutOptions(0.5).inplace(true)));
  auto [ps, st] = setup(Rng(0), layer);
  layer(x, ps, testmode(st));
  const auto first = layer(x, ps, st).first;
  EXPECT_SAME(x, before);
  EXPECT_SAME(layer(x, ps, st).first, first);
  EXPECT_SAME(x, before);
}

TEST(FunctionalChanges, LeaveXAsItWasWithoutClone) {
  const Tensor x = normal(1, {4, 3}), before = x.clone();
  auto layer = functional(std::make_shared<NoCloneInPlaceImpl>());
  auto [ps, st] = setup(Rng(0), layer);
  for (int i = 0; i < 3; ++i) {
    EXPECT_CLOSE(layer(x, ps, st).first.tensor(), before * 2 + 1, kPlainFloat32);
    EXPECT_SAME(x, before);
  }
  auto input = before.clone().requires_grad_();
  layer(input, ps, st).first.tensor().sum().backward();
  EXPECT_SAME(input.detach(), before);
  EXPECT_SAME(input.grad(), before * 0 + 2);
}

// An Embedding with max_norm scales rows of its weight in place.
TEST(FunctionalChanges, LeaveTheParametersAsTheyWere) {
  nn::Embedding module(nn::EmbeddingOptions(5, 3).max_norm(0.5));
  auto layer = functional(module, kKeep);
  auto [initial, st] = setup(Rng(0), layer);
  auto ps = leaves_with_gradients(initial);
  auto before = tree::map_tensors([](const Tensor& t) { return t.detach().clone(); }, ps);
  const Tensor x = tensor({0, 3, 3, 1});
  const Tensor expected = module->forward(x).detach();
  for (int i = 0; i < 3; ++i) {
    auto y = layer(x, ps, st).first.tensor();
    EXPECT_CLOSE(y.detach(), expected, kPlainFloat32);
    EXPECT_SAME(tree::detach(ps), before);
    y.sum().backward();
  }
  EXPECT_CLOSE(gradients(ps)["weight"].tensor().sum(1), tensor({9.f, 9.f, 0.f, 18.f, 0.f}),
               kPlainFloat32);
}

TEST(FunctionalChanges, CopyNothingForAModuleThatChangesNothing) {
  struct IdentityImpl : nn::Cloneable<IdentityImpl> {
    void reset() override {}
    Tensor forward(Tensor x) { return x; }
  };
  auto layer = functional(std::make_shared<IdentityImpl>());
  auto [ps, st] = setup(Rng(0), layer);
  const Tensor x = normal(1, {4, 3});
  layer(x, ps, st);
  EXPECT_EQ(layer(x, ps, st).first.tensor().const_data_ptr(), x.const_data_ptr());
}

TEST(FunctionalChanges, RefuseAModuleThatChangesXNowAndThen) {
  struct SometimesImpl : nn::Cloneable<SometimesImpl> {
    void reset() override {}
    Tensor forward(Tensor x) { return x.size(0) > 1 ? x.mul_(2) : x; }
  };
  auto layer = functional(std::make_shared<SometimesImpl>());
  auto [ps, st] = setup(Rng(0), layer);
  layer(ones({1, 2}), ps, st);
  EXPECT_THAT(message([&, ps = ps, st = st] { layer(ones({2, 2}), ps, st); }),
              HasSubstr("to change its input in place in each call or in none"));
  const Tensor x = ones({2, 2});
  layer(x, ps, st);
  EXPECT_SAME(x, ones({2, 2})) << "it is known now";
}

struct TwoImpl : nn::Cloneable<TwoImpl> {
  TwoImpl() { reset(); }
  void reset() override {
    a = register_module("a", nn::Linear(3, 3));
    b = register_module("b", nn::Linear(3, 3));
    scale = register_parameter("scale", ones({3}));
  }
  Tensor forward(const Tensor& x) { return b->forward(a->forward(x)) * scale; }
  nn::Linear a{nullptr}, b{nullptr};
  Tensor scale;
};
TORCH_MODULE(Two);

void expect_the_modules_values(Two& module) {
  const Tensor x = normal(1, {4, 3});
  const Tensor expected = module->forward(x).detach();
  auto layer = functional(module, kKeep);
  auto [initial, st] = setup(Rng(0), layer);
  EXPECT_SAME(layer(x, initial, st).first, Tree(expected));
  auto ps = leaves_with_gradients(initial);
  loss_of(layer(x, ps, st).first).backward();
  module->zero_grad();
  loss_of(Tree(module->forward(x))).backward();
  for (const auto& p : module->named_parameters()) {
    const Tensor got = gradients(ps).at(p.key()).tensor();
    const Tensor wanted = p.value().grad();
    if (wanted.defined()) {
      EXPECT_CLOSE(got, wanted, kPlainFloat32) << p.key();
    }
  }
}

TEST(FunctionalChanges, GiveTheValuesOfAModuleWhoseWeightsWereTiedByAssignment) {
  Two module;
  torch::manual_seed(1);
  module->b->weight = module->a->weight;
  expect_the_modules_values(module);
}
TEST(FunctionalChanges, GiveTheValuesOfAModuleWhosePartsWereTiedByAssignment) {
  Two module;
  module->b = module->a;
  expect_the_modules_values(module);
}
TEST(FunctionalChanges, GiveTheValuesOfAModuleWhoseOwnTensorWasAssigned) {
  Two module;
  module->scale = normal(7, {3});
  expect_the_modules_values(module);
}
TEST(FunctionalChanges, SayHowToTieForHigherDerivatives) {
  Two module;
  module->b->weight = module->a->weight;
  auto layer = functional(module);
  auto [ps, st] = setup(Rng(0), layer);
  auto f = [&, ps = ps, st = st](const Tensor& x) { return layer(x, ps, st).first.tensor().sum(); };
  EXPECT_THAT(message([&] { hessian(f, normal(1, {3})); }), HasSubstr("twice in forward"));
}

// As the advice says.
TEST(FunctionalChanges, HaveEveryOrderOfAModuleThatUsesOneTensorTwice) {
  struct TiedImpl : nn::Cloneable<TiedImpl> {
    TiedImpl() { reset(); }
    void reset() override {
      a = register_module("a", nn::Linear(3, 3));
      bias = register_parameter("bias", ones({3}));
    }
    Tensor forward(const Tensor& x) { return (a->forward(x).matmul(a->weight.t()) + bias).tanh(); }
    nn::Linear a{nullptr};
    Tensor bias;
  };
  auto module = std::make_shared<TiedImpl>();
  auto layer = functional(module, kKeep);
  auto [ps, st] = setup(Rng(0), layer);
  const Tensor x = normal(1, {3});
  EXPECT_SAME(layer(x, ps, st).first, Tree(module->forward(x).detach()));
  auto f = [&, ps = ps, st = st](const Tensor& at) {
    return layer(at, ps, st).first.tensor().sum();
  };
  auto g = [&](const Tensor& at) {
    const Tensor w = ps["a"]["weight"].tensor(), b1 = ps["a"]["bias"].tensor(),
                 b2 = ps["bias"].tensor();
    return (w.matmul(w.matmul(at) + b1) + b2).tanh().sum();
  };
  EXPECT_CLOSE(hessian(f, x), hessian(g, x), kPlainFloat32);
}

}  // namespace
}  // namespace luxtorch
