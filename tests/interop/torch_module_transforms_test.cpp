// Modules of torch inside function transforms.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/instancenorm.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/modules/rnn.h>

#include <array>
#include <functional>
#include <thread>

#include "interop/torch_module_cases.h"
#include "luxtorch/autodiff/derivatives.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/autodiff/vmap.h"
#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/interop/torch_module.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

TEST(FunctionalTransforms, WorkByTheInput) {
  auto layer = functional(nn::Sequential(nn::Linear(3, 4), nn::Tanh(), nn::Linear(4, 2)));
  const Tree ps = setup(Rng(0), layer).first, st = setup(Rng(0), layer).second;
  auto f = [&](const Tensor& x) { return layer(x, ps, st).first.tensor(); };
  auto plain = [&](const Tensor& x) {
    auto h = (x.matmul(ps["0"]["weight"].tensor().t()) + ps["0"]["bias"].tensor()).tanh();
    return h.matmul(ps["2"]["weight"].tensor().t()) + ps["2"]["bias"].tensor();
  };
  auto x = normal(1, {5, 3});
  EXPECT_CLOSE(vmap(f)(x), f(x), kPlainFloat32);
  auto row = normal(2, {3}), dx = normal(3, {3});
  EXPECT_CLOSE(jvp(f, row, dx).dy, jvp(plain, row, dx).dy, kPlainFloat32);
  EXPECT_CLOSE(jacobian(f, row), jacobian(plain, row), kPlainFloat32);
  auto energy = [&](const Tensor& x) { return f(x).square().sum(); };
  auto plain_energy = [&](const Tensor& x) { return plain(x).square().sum(); };
  EXPECT_CLOSE(hessian(energy, row), hessian(plain_energy, row), kPlainFloat32);
}

// Two calls in one function need a second copy of the module, which is made under the levels of the transform.
TEST(FunctionalTransforms, CopyAModuleInsideOfAnyTransform) {
  using F = std::function<Tensor(const Tensor&)>;
  const std::vector<std::pair<std::string, std::function<Tensor(const F&, const Tensor&)>>>
      transforms{
          {"hessian",
           [](const F& f, const Tensor& x) {
             return hessian([&](const Tensor& a) { return f(a).square().sum(); }, x);
           }},
          {"jvp", [](const F& f, const Tensor& x) { return jvp(f, x, x).dy; }},
          {"jvp of jvp",
           [](const F& f, const Tensor& x) {
             return jvp([&](const Tensor& a) { return jvp(f, a, x).dy; }, x, x).dy;
           }},
          {"vjp", [](const F& f, const Tensor& x) { return vjp(f, x).pull(x); }},
          {"vmap", [](const F& f, const Tensor& x) { return vmap(f)(stack({x, x * 2})); }},
          {"vmap of jacobian",
           [](const F& f, const Tensor& x) {
             return vmap([&](const Tensor& a) { return jacobian(f, a); })(stack({x, x * 2}));
           }},
          {"vmap of grad",
           [](const F& f, const Tensor& x) {
             return vmap([&](const Tensor& a) {
               return grad([&](const Tensor& b) { return f(b).square().sum(); }, a);
             })(stack({x, x * 2}));
           }},
  };
  const Tensor x = normal(2, {3});
  for (const auto& [name, transform] : transforms) {
    SCOPED_TRACE(name);
    auto m = functional(nn::Sequential(nn::Linear(3, 3), nn::Tanh()));
    const Tree ps = setup(Rng(0), m).first, st = setup(Rng(0), m).second;
    const Layer dense = Dense(3, 3, tanh);
    auto by_modules = [&](const Tensor& a) {
      Tree y = a;
      for (int i = 0; i < 3; ++i) y = m(y, ps, st).first;
      return y.tensor();
    };
    auto by_layers = [&](const Tensor& a) {
      Tree y = a;
      for (int i = 0; i < 3; ++i) y = dense(y, ps["0"], named({})).first;
      return y.tensor();
    };
    const Tensor expected = transform(by_layers, x);
    EXPECT_CLOSE(transform(by_modules, x), expected, kPlainFloat32);
    std::array<Tensor, 4> got;
    std::vector<std::thread> threads;
    for (auto& y : got) {
      threads.emplace_back([&] {
        for (int i = 0; i < 5; ++i) y = transform(by_modules, x);
      });
    }
    for (auto& t : threads) t.join();
    for (const auto& y : got) EXPECT_CLOSE(y, expected, kPlainFloat32);
    EXPECT_SAME(by_modules(x), by_modules(x));
  }
}

TEST(FunctionalTransforms, SayWhatIsWrongInsideOfThem) {
  const Layer model = Chain(functional(nn::Linear(3, 3)), functional(nn::Linear(3, 2)));
  const Tree ps = setup(Rng(0), model).first, st = setup(Rng(0), model).second;
  auto f = [&](const Tensor& x) { return apply<Tensor>(model, x, ps, st).first; };
  auto g = [&](const Tensor& x) {
    return apply<Tensor>(model, x, ps.without("layer_2.bias"), st).first;
  };
  const Tensor wrong = normal(1, {4}), x = normal(1, {3});
  auto sum = [&](const Tensor& at) { return f(at).sum(); };
  for (const auto& text :
       {message([&] { jvp(f, wrong, wrong); }), message([&] { vjp(f, wrong); }),
        message([&] { vmap(f)(stack({wrong, wrong})); }), message([&] { hessian(sum, wrong); }),
        message([&] { grad(sum, wrong); })}) {
    EXPECT_THAT(text, AllOf(HasSubstr("layer_1"), HasSubstr("Linear"),
                            AnyOf(HasSubstr("size mismatch"), HasSubstr("mat1 and mat2")),
                            Not(HasSubstr("frame #"))));
  }
  for (const auto& text :
       {message([&] { jvp(g, x, x); }), message([&] { vmap(g)(stack({x, x})); })})
    EXPECT_THAT(text, AllOf(HasSubstr("layer_2"), HasSubstr("missing bias")));
}

TEST(FunctionalTransforms, AreSetUpInsideOfThem) {
  const Layer model = functional(nn::Linear(3, 2));
  auto from = [&](Randomness randomness) {
    return vmap(
        [&](const Tensor& x) {
          auto [ps, st] = setup(Rng(4), model);
          return tuple({ps, Tree(x)});
        },
        {.randomness = randomness})(zeros({2}));
  };
  EXPECT_THAT(message([&] { from(Randomness::Error); }), HasSubstr(".randomness"));
  const Tree ps = setup(Rng(4), model).first;
  const Tree same = from(Randomness::Same), different = from(Randomness::Different);
  for (int64_t i = 0; i < 2; ++i) {
    EXPECT_SAME(same[0]["weight"].tensor()[i], ps["weight"].tensor());
  }
  EXPECT_FALSE(different[0]["weight"].tensor()[0].equal(different[0]["weight"].tensor()[1]));
  // A derivative by x alone.
  auto f = [&](const Tensor& x) {
    auto [p, st] = setup(Rng(4), model);
    return apply<Tensor>(model, x, p, st).first;
  };
  const Tensor x = normal(1, {3});
  EXPECT_CLOSE(jvp(f, x, x).dy, ps["weight"].tensor().matmul(x), kPlainFloat32);
  EXPECT_CLOSE(jacobian(f, x), ps["weight"].tensor(), kPlainFloat32);
  const nn::Linear module(3, 2);
  auto made = [&](const Tensor& at) {  // functional() itself, of a module from outside
    auto layer = functional(module, kKeep);
    auto [p, st] = setup(Rng(0), layer);
    return layer(at, p, st).first.tensor();
  };
  EXPECT_CLOSE(hessian([&](const Tensor& at) { return made(at).square().sum(); }, x),
               module->weight.detach().t().matmul(module->weight.detach()) * 2, kPlainFloat32);
}

// Torch's forward rules of these are wrong when they are differentiated (pytorch/pytorch issues 196699 and 196700).
TEST(FunctionalTransforms, HaveRightSecondDerivativesThroughNormsOrRefuseThem) {
  auto check = [](const auto& module, const Tensor& base, bool refused) {
    auto layer = functional(module);
    auto [ps32, st32] = setup(Rng(0), layer);
    const Tree ps = tree::to(drawn(ps32, 3), kFloat64), st = tree::to(testmode(st32), kFloat64);
    SCOPED_TRACE(layer.label());
    const Tensor x = base.to(kFloat64), w = normal(5, base.sizes()).to(kFloat64),
                 d = normal(6, base.sizes()).to(kFloat64);
    auto f = [&](const Tensor& at) { return (layer(at, ps, st).first.tensor() * w).sum(); };
    auto slope = [&](double by) { return (grad(f, x + d * by) * d).sum().template item<double>(); };
    const double step = 1e-5, expected = (slope(step) - slope(-step)) / (2 * step);
    auto first = [&](const Tensor& at) { return jvp(f, at, d).dy; };
    EXPECT_NEAR(first(x).template item<double>(), slope(0), 1e-9);
    if (refused) {
      EXPECT_THROW(jvp(first, x, d), UnsupportedError);
      EXPECT_THROW(grad(first, x), UnsupportedError);
    } else {
      EXPECT_NEAR(jvp(first, x, d).dy.template item<double>(), expected, 1e-6);
      EXPECT_NEAR((grad(first, x) * d).sum().template item<double>(), expected, 1e-6);
    }
    EXPECT_NEAR((hvp(f, x, d) * d).sum().template item<double>(), expected, 1e-6);
  };
  check(nn::LayerNorm(nn::LayerNormOptions({4})), normal(1, {3, 4}), true);
  check(nn::GroupNorm(nn::GroupNormOptions(2, 4)), normal(1, {3, 4, 2}), false);
  check(nn::InstanceNorm1d(nn::InstanceNorm1dOptions(3).affine(true)), normal(1, {2, 3, 4}), true);
  check(nn::BatchNorm1d(nn::BatchNormOptions(4).track_running_stats(false)), normal(1, {3, 4}),
        true);
  check(nn::BatchNorm1d(4), normal(1, {3, 4}), false);
}

TEST(FunctionalTransforms, RefuseToChangeABufferByThem) {
  auto layer = functional(nn::BatchNorm1d(3));
  const Tree ps = setup(Rng(0), layer).first, st = setup(Rng(0), layer).second;
  auto f = [&](const Tensor& x) { return layer(x, ps, st).first.tensor(); };
  const Tensor x = normal(1, {4, 3});
  for (const auto& text : {message([&] { jvp(f, x, x); }), message([&] { vjp(f, x); }),
                           message([&] { vmap(f)(stack({x, x})); })})
    EXPECT_THAT(text, AllOf(HasSubstr("BatchNorm1d"), HasSubstr("testmode(st)")));
}

TEST(FunctionalTransforms, SayThatAVmapMustStateItsDraws) {
  auto layer = functional(nn::Dropout(0.5));
  const Tree ps = setup(Rng(0), layer).first, st = setup(Rng(0), layer).second;
  auto f = [&](const Tensor& x) { return layer(x, ps, st).first.tensor(); };
  EXPECT_THAT(message([&] { vmap(f)(ones({2, 3})); }),
              AllOf(HasSubstr(".randomness"), Not(HasSubstr("frame #"))));
}

// A module without clone() is used itself; what a transform does not work on goes through it as ever.
TEST(FunctionalTransforms, LetConstantsThroughAModuleWithoutClone) {
  struct PlainImpl : nn::Module {
    PlainImpl() { weight = register_parameter("weight", ones({3}) * 2); }
    Tensor forward(const Tensor& x) { return x * weight; }
    Tensor weight;
  };
  auto layer = functional(std::make_shared<PlainImpl>(), kKeep);
  const Tree ps = setup(Rng(0), layer).first, st = setup(Rng(0), layer).second;
  const Tensor c = normal(1, {3}), x = normal(2, {3});
  auto f = [&](const Tensor& at) { return layer(c, ps, st).first.tensor() * at; };
  EXPECT_CLOSE(jvp(f, x, x).dy, c * 2 * x, kPlainFloat32);
  EXPECT_CLOSE(vmap(f)(stack({x, x})), stack({c * 2 * x, c * 2 * x}), kPlainFloat32);
  EXPECT_CLOSE(hessian([&](const Tensor& at) { return f(at).square().sum(); }, x),
               (c * 2).square().mul(2).diag(), kPlainFloat32);
  EXPECT_THAT(message([&] {
                jvp([&](const Tensor& at) { return layer(at, ps, st).first.tensor(); }, x, x);
              }),
              HasSubstr("torch::nn::Cloneable"));
}

TEST(FunctionalTransforms, RefuseToWorkByTheParameters) {
  auto layer = functional(nn::Linear(3, 2));
  const Tree ps = setup(Rng(0), layer).first, st = setup(Rng(0), layer).second;
  auto x = normal(1, {5, 3});
  auto loss = [&](const Tree& p, const Tensor& x) {
    return layer(x, p, st).first.tensor().square().sum();
  };
  auto per_sample = [&] {
    return vmap(
        [&](const Tensor& x) { return grad([&](const Tree& p) { return loss(p, x); }, ps); })(x);
  };
  EXPECT_THROW(per_sample(), UnsupportedError);
  EXPECT_THAT(message(per_sample), HasSubstr("use luxtorch's layers"));
  auto many = tree::map_tensors([](const Tensor& t) { return stack({t, t}); }, ps);
  EXPECT_THROW(vmap([&](const Tree& p) { return loss(p, x); })(many), UnsupportedError);
  EXPECT_THROW(jvp([&](const Tree& p) { return loss(p, x); }, ps, ps), UnsupportedError);
  EXPECT_EQ(ps["weight"].tensor().storage().use_count(), 1u);  // and the layer is as it was
  EXPECT_SAME(loss(ps, x), loss(ps, x));
}

}  // namespace
}  // namespace luxtorch
