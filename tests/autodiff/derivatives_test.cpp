#include "luxtorch/autodiff/derivatives.h"

#include <ATen/ops/slow_conv_dilated2d.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "autodiff/float64.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/autodiff/vmap.h"
#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/ops/fast_path.h"
#include "support/compare.h"
#include "support/error_text.h"

namespace luxtorch::testing {
namespace {

using ::testing::HasSubstr;

const Tensor kX = numbers({0.3, -0.7, 1.1});
const Tensor kW = numbers({0.5, -0.2, 0.1, 0.4, 0.8, -0.6}).reshape({2, 3});

Tensor layer_of(const Tensor& x) { return kW.matmul(x).tanh(); }
Tensor energy(const Tensor& x) { return (x * x * x).sum() + x[0] * x[1] * x[2]; }

// d tanh(Wx) / dx, on paper.
Tensor jacobian_of_layer(const Tensor& x) {
  const Tensor y = layer_of(x);
  return (1 - y * y).unsqueeze(1) * kW;
}
Tensor hessian_of_energy(const Tensor& x) {
  const double a = x[0].item<double>(), b = x[1].item<double>(), c = x[2].item<double>();
  return numbers({6 * a, c, b, c, 6 * b, a, b, a, 6 * c}).reshape({3, 3});
}

TEST(Vjp, MultipliesByTheJacobianFromTheLeft) {
  const auto [y, pull] = vjp(layer_of, kX);
  EXPECT_CLOSE(y, layer_of(kX), 1e-12);
  const Tensor v = numbers({2, -3});
  EXPECT_CLOSE(pull(v), v.matmul(jacobian_of_layer(kX)), 1e-12);
  EXPECT_CLOSE(pull(v * 2), v.matmul(jacobian_of_layer(kX)) * 2, 1e-12) << "it may be called again";
  EXPECT_FALSE(y.requires_grad());
  EXPECT_FALSE(pull(v).requires_grad());
}

TEST(Vjp, OfTreesHasTheirStructure) {
  const Tree x = named({{"a", kX}, {"n", 3}, {"b", tuple({kX * 2})}});
  auto f = [](const Tree& t) {
    return named({{"s", t["a"].tensor() * t["b"][0].tensor()}, {"none", Tree()}});
  };
  const auto [y, pull] = vjp(f, x);
  const Tree g = pull(named({{"s", ones({3}, {.dtype = kFloat64})}, {"none", Tree()}}));
  EXPECT_CLOSE(g["a"].tensor(), kX * 2, 1e-12);
  EXPECT_CLOSE(g["b"][0].tensor(), kX, 1e-12);
  EXPECT_TRUE(g["n"].is_none());
}

TEST(Jvp, MultipliesByTheJacobianFromTheRight) {
  const Tensor d = numbers({1, -2, 0.5});
  const auto [y, dy] = jvp(layer_of, kX, d);
  EXPECT_CLOSE(y, layer_of(kX), 1e-12);
  EXPECT_CLOSE(dy, jacobian_of_layer(kX).matmul(d), 1e-12);
}

TEST(Jvp, OfAConstantIsZero) {
  const auto [y, dy] = jvp([](const Tensor&) { return kW; }, kX, kX);
  EXPECT_CLOSE(y, kW, 0);
  EXPECT_CLOSE(dy, kW * 0, 0);
}

TEST(Jvp, ThroughARecurrentLayerIsItsJacobianTimesTheDirection) {
  const LSTMCell cell(2, 3);
  auto [ps, st] = setup(Rng(0), Recurrence(cell));
  ps = tree::to(ps, kFloat64);
  const Tensor x = random::normal(Rng(1), {2, 4, 2}, 0, 1, kFloat64);
  const Tensor d = random::normal(Rng(2), {2, 4, 2}, 0, 1, kFloat64);
  auto f = [&, ps = ps, st = st](const Tensor& at) {
    return Recurrence(cell)(at, ps, st).first.tensor();
  };
  const auto [y, dy] = jvp(f, x, d);
  const Tensor J = jacobian(f, x);
  EXPECT_CLOSE(dy, J.reshape({6, 16}).matmul(d.reshape({16})).reshape({2, 3}), 1e-10);
}

// Torch has no forward mode for a dilated convolution's own operator; it is linear in x.
TEST(Jvp, WithoutForwardModeOfAnOperatorGoesBackwardTwice) {
  const Tensor w = random::normal(Rng(0), {2, 1, 2, 2}, 0, 1, kFloat64);
  const Tensor x = random::normal(Rng(1), {1, 1, 5, 5}, 0, 1, kFloat64);
  const Tensor d = random::normal(Rng(2), {1, 1, 5, 5}, 0, 1, kFloat64);
  int runs = 0;
  auto conv = [&](const Tensor& at) {
    ++runs;
    return at::slow_conv_dilated2d(at, w, {2, 2}, {}, {1, 1}, {0, 0}, {2, 2});
  };
  const auto [y, dy] = jvp(conv, x, d);
  EXPECT_GT(runs, 1) << "forward mode did it after all";
  EXPECT_CLOSE(y, conv(x), 1e-12);
  EXPECT_CLOSE(dy, conv(d), 1e-12);
  // In a layer torch's complaint arrives as a TorchError.
  const Layer layer = [&](const Tensor& at) { return conv(at); };
  auto applied = [&](const Tensor& at) {
    return apply<Tensor>(layer, at, named({}), named({})).first;
  };
  EXPECT_CLOSE(jvp(applied, x, d).dy, conv(d), 1e-12);
}

TEST(Jacobian, IsTheSameInBothModesAndInChunks) {
  for (auto mode : {DerivativeMode::Reverse, DerivativeMode::Forward}) {
    for (int64_t chunk : {0, 1, 2}) {
      EXPECT_CLOSE(jacobian(layer_of, kX, {.mode = mode, .chunk_size = chunk}),
                   jacobian_of_layer(kX), 1e-12);
    }
  }
}

TEST(Jacobian, OfTreesIsATreeOfTrees) {
  const Tree x = named({{"a", kX}, {"w", kW}, {"n", 2}});
  auto f = [](const Tree& t) {
    return tuple({t["w"].tensor().matmul(t["a"].tensor()), t["a"].tensor().sum()});
  };
  for (auto mode : {DerivativeMode::Reverse, DerivativeMode::Forward}) {
    const Tree J = jacobian(f, x, {.mode = mode});
    EXPECT_CLOSE(J[0]["a"].tensor(), kW, 1e-12);
    EXPECT_EQ(J[0]["w"].tensor().sizes(), Shape({2, 2, 3}));
    EXPECT_CLOSE(J[0]["w"].tensor()[1][1], kX, 1e-12);
    EXPECT_CLOSE(J[0]["w"].tensor()[1][0], kX * 0, 0);
    EXPECT_CLOSE(J[1]["a"].tensor(), kX * 0 + 1, 0);
    EXPECT_CLOSE(J[1]["w"].tensor(), kW * 0, 0);
    EXPECT_TRUE(J[1]["n"].is_none());
  }
}

TEST(Hessian, IsTheJacobianOfTheGradient) {
  EXPECT_CLOSE(hessian(energy, kX), hessian_of_energy(kX), 1e-12);
  EXPECT_CLOSE(hessian(energy, kX, {.mode = DerivativeMode::Reverse}), hessian_of_energy(kX),
               1e-12);
  EXPECT_CLOSE(jacobian(grad(energy))(kX), hessian_of_energy(kX), 1e-12);
}

TEST(Hessian, ComesFromAJvpOfGrad) {
  const Tensor first = numbers({1, 0, 0});
  EXPECT_CLOSE(jvp(grad(energy), kX, first).dy, hessian_of_energy(kX)[0], 1e-12);
}

TEST(Hvp, IsTheHessianTimesAVector) {
  const Tensor v = numbers({0.2, -1, 3});
  EXPECT_CLOSE(hvp(energy, kX, v), hessian_of_energy(kX).matmul(v), 1e-12);
}

TEST(Hvp, OfAModelAgreesWithDifferencesOfItsGradient) {
  const auto model = Chain(Recurrence(GRUCell(2, 3)), Dense(3, 1));
  auto [ps, st] = setup(Rng(0), model);
  ps = tree::to(ps, kFloat64);
  const Tensor x = random::normal(Rng(1), {4, 5, 2}, 0, 1, kFloat64);
  auto loss = [&](const Tree& p) {
    return Tree(apply<Tensor>(model, x, p, st).first.pow(2).sum());
  };
  auto slope = [&](const Tree& p) {
    return grad([&](const Tree& at) { return loss(at).tensor(); }, p);
  };
  uint64_t seed = 10;
  const Tree v = tree::map_tensors(
      [&](const Tensor& t) { return random::normal(Rng(seed++), t.sizes(), 0, 1, kFloat64); }, ps);
  auto moved = [&](double by) {
    return tree::zip(
        [&](const Tree& a, const Tree& d) { return Tree(a.tensor() + d.tensor() * by); }, ps, v);
  };
  const Tree ahead = slope(moved(1e-5)), back = slope(moved(-1e-5)), product = hvp(loss, ps, v);
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        SCOPED_TRACE(path);
        EXPECT_CLOSE(leaf.tensor(), (ahead.at(path).tensor() - back.at(path).tensor()) / 2e-5,
                     1e-6);
      },
      product);
}

TEST(BatchedJacobian, IsTheJacobianAtEachSample) {
  const Tensor xs = numbers({0.3, -0.7, 1.1, 2, 0.1, -1, 0.4, 0.5, 0.6, -2, 1, 0}).reshape({4, 3});
  for (auto mode : {DerivativeMode::Reverse, DerivativeMode::Forward}) {
    const Tensor all = batched_jacobian(layer_of, xs, {.mode = mode});
    EXPECT_EQ(all.sizes(), (Sizes{4, 2, 3}));
    for (int64_t i = 0; i < 4; ++i) EXPECT_CLOSE(all[i], jacobian_of_layer(xs[i]), kPlainFloat64);
  }
  auto of_tree = [](const Tree& t) { return named({{"y", layer_of(t["x"].tensor())}}); };
  const Tree tree = batched_jacobian(of_tree, named({{"x", xs}}));
  EXPECT_CLOSE(tree["y"]["x"].tensor(), batched_jacobian(layer_of, xs), kPlainFloat64);
}

TEST(Transforms, ComposeWithEachOther) {
  const Tensor xs = stack({kX, kX * 2, kX - 1});
  const Tensor all = vmap(hessian(energy))(xs);
  const Tensor jacobians = vmap(jacobian(layer_of))(xs);
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_CLOSE(all[i], hessian_of_energy(xs[i]), 1e-12);
    EXPECT_CLOSE(jacobians[i], jacobian_of_layer(xs[i]), 1e-12);
  }
  // The third derivative, by three kinds: x^4 has 24 x.
  auto fourth = [](const Tensor& x) { return x.pow(4).sum(); };
  auto second = [&](const Tensor& x) { return hvp(fourth, x, numbers({1})); };
  EXPECT_CLOSE(jvp(second, numbers({0.5}), numbers({1})).dy, numbers({12}), 1e-12);
  EXPECT_CLOSE(vjp(second, numbers({0.5})).pull(numbers({1})), numbers({12}), 1e-12);
}

TEST(Transforms, InsideAnOrdinaryGradientAreDifferentiatedByWhatTheyCapture) {
  // |d (a x^2) / dx|^2 at x = 3 is 36 a^2; by a that is 72 a.
  auto penalty = [](const Tree& a) {
    auto f = [&](const Tensor& x) { return (a.tensor() * x * x).sum(); };
    return vjp(f, numbers({3})).pull(ones({}, {.dtype = kFloat64})).pow(2).sum();
  };
  EXPECT_CLOSE(grad(penalty, Tree(numbers({2}).squeeze())).tensor(), numbers({144}).squeeze(),
               1e-12);
  auto forward = [](const Tree& a) {
    auto f = [&](const Tensor& x) { return (a.tensor() * x * x).sum(); };
    return jvp(f, numbers({3}), numbers({1})).dy.pow(2);
  };
  EXPECT_CLOSE(grad(forward, Tree(numbers({2}).squeeze())).tensor(), numbers({144}).squeeze(),
               1e-12);
}

TEST(Transforms, GoThroughTheFusedSequenceAndSaySo) {
  const Recurrence model{LSTMCell(2, 3)};
  auto [ps, st] = setup(Rng(0), model);
  const Tensor x = random::normal(Rng(1), {2, 4, 2});
  auto f = [&, st = st](const Tree& p) { return model(x, p, st).first; };
  (void)f(ps);
  EXPECT_EQ(ops::last_backend(ops::FusedOp::recurrence).backend, ops::Backend::fused);
  (void)vjp(f, ps);
  EXPECT_EQ(ops::last_backend(ops::FusedOp::recurrence).backend, ops::Backend::reference);
  EXPECT_THAT(ops::last_backend(ops::FusedOp::recurrence).reason, HasSubstr("transform"));
}

TEST(TransformErrors, SayWhatDoesNotFit) {
  EXPECT_THAT(text_of([] { (void)jvp(layer_of, kX, numbers({1})); }),
              HasSubstr("[jvp] expected dx like x of the same structure"));
  EXPECT_THAT(text_of([] { (void)vjp(layer_of, kX).pull(kX); }), HasSubstr("a cotangent like y"));
  EXPECT_THAT(text_of([] { (void)hessian(layer_of, kX); }),
              HasSubstr("a floating tensor of shape ()"));
  EXPECT_THAT(text_of([] { (void)grad(layer_of)(kX); }),
              HasSubstr("a floating tensor of shape ()"));
  EXPECT_THAT(text_of([] { (void)vjp([](const Tensor& x) { return x.gt(0); }, kX); }),
              HasSubstr("expected f to return floating tensors"));
  EXPECT_THAT(text_of([] { (void)jacobian(layer_of, kX, {.chunk_size = -1}); }),
              HasSubstr(".chunk_size of 0 or more"));
}

TEST(TransformErrors, RefuseAFunctionThatChangesSomethingInPlace) {
  auto changes_input = [](const Tensor& x) {
    Tensor t = x;
    return t.mul_(2).sum();
  };
  Tensor captured = zeros({3}, {.dtype = kFloat64});
  auto changes_captured = [&](const Tensor& x) { return captured.add_(x).sum(); };
  for (const std::function<Tensor(const Tensor&)>& f :
       {std::function<Tensor(const Tensor&)>(changes_input),
        std::function<Tensor(const Tensor&)>(changes_captured)}) {
    EXPECT_THAT(text_of([&] { (void)vjp(f, kX.clone()); }), HasSubstr("changes nothing in place"));
    EXPECT_THAT(text_of([&] { (void)hessian(f, kX.clone()); }),
                HasSubstr("changes nothing in place"));
  }
  EXPECT_THAT(text_of([&] { (void)grad(changes_input)(kX.clone()); }),
              HasSubstr("changes nothing in place"));
  EXPECT_THAT(text_of([&] { (void)jvp(changes_input, kX.clone(), kX); }),
              HasSubstr("changes nothing in place"));
}

}  // namespace
}  // namespace luxtorch::testing
