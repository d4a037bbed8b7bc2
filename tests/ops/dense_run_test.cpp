// Dense layers as one operator and one node, against the same layers in torch's operators.
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <gmock/gmock.h>
#include <torch/csrc/autograd/autograd.h>

#include <sstream>

#include "luxtorch/autodiff/derivatives.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/ops/fast_path.h"
#include "support/compare.h"
#include "support/error_text.h"
#include "support/finite_differences.h"

namespace luxtorch::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

std::string backend() {
  std::ostringstream s;
  s << ops::last_backend(ops::FusedOp::dense);
  return s.str();
}

Chain chain(const std::vector<int64_t>& sizes, const Activation& hidden, const Activation& last,
            bool use_bias = true) {
  std::vector<Layer> layers;
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    layers.push_back(Dense(sizes[i], sizes[i + 1], i + 2 < sizes.size() ? hidden : last,
                           {.use_bias = use_bias}));
  }
  return Chain(layers);
}

// Parameters and x of a model, from one seed.
struct Problem {
  Layer model;
  Tree ps, st, x;

  Problem(Layer m, const Shape& x_shape, Dtype dtype) : model(std::move(m)) {
    std::tie(ps, st) = setup(Rng(3), model);
    ps = tree::to(ps, dtype);
    x = random::normal(Rng(4), x_shape).to(dtype);
  }
  Tensor y(const Tree& p, const Tree& at) const { return apply<Tensor>(model, at, p, st).first; }
  // A weight for each output, so that no gradient is the same for all.
  Tensor loss(const Tree& both) const {
    const Tensor out = y(both[0], both[1]);
    const Tensor weights = linspace(-1, 1, out.numel(), {.dtype = out.scalar_type()});
    return (out * weights.reshape(out.sizes()).cos()).sum();
  }
  Tree both() const { return tuple({ps, x}); }
  ValueAndGrad gradients() const {
    return value_and_grad([&](const Tree& t) { return loss(t); }, both());
  }
};

TEST(DenseRun, AgreesWithTorchsOperators) {
  struct Case {
    std::vector<int64_t> sizes;
    int64_t rows;
  };
  // Rows and sizes on both sides of what the kernels take at once.
  const std::vector<Case> cases{
      {{5, 7, 3}, 17}, {{24, 24, 24, 2}, 128},  {{2, 32, 32, 2}, 97}, {{16, 64, 8}, 300},
      {{1, 1, 1}, 16}, {{33, 100, 128, 1}, 41}, {{520, 130, 4}, 96},  {{8, 1030, 16}, 257}};
  for (const auto& [sizes, rows] : cases) {
    for (const auto& [hidden, last] :
         std::vector<std::pair<Activation, Activation>>{{relu, identity},
                                                        {luxtorch::tanh, sigmoid},
                                                        {sigmoid, luxtorch::tanh},
                                                        {leakyrelu(0.2), relu},
                                                        {identity, leakyrelu}}) {
      for (const bool use_bias : {true, false}) {
        if (!use_bias && hidden != relu) continue;
        for (const Dtype dtype : {kFloat32, kFloat64}) {
          SCOPED_TRACE(::testing::Message() << sizes.size() << " sizes from " << sizes[0] << ", "
                                            << hidden.name() << ", " << last.name());
          const Problem p(chain(sizes, hidden, last, use_bias), {rows, sizes[0]}, dtype);
          const auto found = p.gradients();
          EXPECT_THAT(backend(), AnyOf("fused", "reference (torch's products are faster)"));
          const Tensor y = p.y(p.ps, p.x);
          const ops::DisableFusedKernels guard;
          const double tolerance = dtype == kFloat64 ? kPlainFloat64 : kPlainFloat32;
          EXPECT_CLOSE(y, p.y(p.ps, p.x), tolerance);
          EXPECT_TREES_CLOSE(found.grads, p.gradients().grads, tolerance);
        }
      }
    }
  }
}

TEST(DenseRun, GradientsAreThoseOfFiniteDifferences) {
  for (const Activation& a : {Activation(sigmoid), luxtorch::tanh, Activation(leakyrelu)}) {
    const Problem p(chain({4, 9, 5, 3}, a, a), {16, 4}, kFloat64);
    EXPECT_TRUE(gradients_match([&](const Tree& t) { return p.loss(t); }, p.both(),
                                p.gradients().grads, {.tolerance = 1e-6}));
  }
}

TEST(DenseRun, AnyDimensionsOfXAndADenseAlone) {
  const Problem p(Dense(6, 4, relu), {3, 2, 5, 6}, kFloat64);
  const auto found = p.gradients();
  EXPECT_EQ(backend(), "fused");
  EXPECT_EQ(Sizes(p.y(p.ps, p.x).sizes().vec()), (Sizes{3, 2, 5, 4}));
  // Strides of every kind.
  const Tree apart = Tree(stack({p.x.tensor(), p.x.tensor()}, -1).select(-1, 0));
  EXPECT_CLOSE(p.y(p.ps, apart), p.y(p.ps, p.x), kPlainFloat64);
  const ops::DisableFusedKernels guard;
  EXPECT_TREES_CLOSE(found.grads, p.gradients().grads, kPlainFloat64);
}

TEST(DenseRun, AnActivationWithoutAKernelFollowsTheProducts) {
  const Problem p(Chain(Dense(6, 8, gelu), Dense(8, 8, relu), Dense(8, 5, softmax)), {20, 6},
                  kFloat64);
  const auto found = p.gradients();
  EXPECT_EQ(backend(), "fused");
  const ops::DisableFusedKernels guard;
  EXPECT_TREES_CLOSE(found.grads, p.gradients().grads, kPlainFloat64);
}

TEST(DenseRun, SomeGradientsAlone) {
  const Problem p(chain({6, 8, 5}, relu, identity), {20, 6}, kFloat64);
  const Tree all = p.gradients().grads;
  const auto by_x = grad([&](const Tree& x) { return p.loss(tuple({p.ps, x})); }, p.x);
  EXPECT_CLOSE(by_x.tensor(), all[1].tensor(), kPlainFloat64);
  const auto by_ps = grad([&](const Tree& ps) { return p.loss(tuple({ps, p.x})); }, p.ps);
  EXPECT_TREES_CLOSE(by_ps, all[0], kPlainFloat64);
  const auto by_bias = grad(
      [&](const Tree& bias) {
        const Tree layer = p.ps["layer_1"];
        return p.loss(
            tuple({named({{"layer_1", named({{"weight", layer["weight"]}, {"bias", bias}})},
                          {"layer_2", p.ps["layer_2"]}}),
                   p.x}));
      },
      p.ps["layer_1"]["bias"]);
  EXPECT_CLOSE(by_bias.tensor(), all[0]["layer_1"]["bias"].tensor(), kPlainFloat64);
}

TEST(DenseRun, HigherDerivativesAreThoseOfTorchsOperators) {
  const Problem p(chain({4, 6, 3}, luxtorch::tanh, sigmoid), {16, 4}, kFloat64);
  const Tree v = tree::map_tensors([](const Tensor& t) { return t.sin(); }, p.both());
  auto second = [&] { return hvp([&](const Tree& t) { return p.loss(t); }, p.both(), v); };
  auto forward = [&] { return jvp([&](const Tree& t) { return Tree(p.loss(t)); }, p.both(), v); };
  auto of_gradient = [&] {
    auto squares = [&](const Tree& t) {
      const Tree g = grad([&](const Tree& u) { return p.loss(u); }, t, {.create_graph = true});
      Tensor sum = zeros({}, {.dtype = kFloat64});
      for (const Tensor& part : tree::tensors(g)) sum = sum + (part * part).sum();
      return sum;
    };
    return grad(squares, p.both());
  };
  const auto hessian_product = second();
  const auto tangent = forward();
  const Tree penalty = of_gradient();
  const ops::DisableFusedKernels guard;
  EXPECT_TREES_CLOSE(hessian_product, second(), kPlainFloat64);
  EXPECT_TREES_CLOSE(penalty, of_gradient(), kPlainFloat64);
  EXPECT_CLOSE(tangent.dy.tensor(), forward().dy.tensor(), kPlainFloat64);
}

TEST(DenseRun, TheSameBitsFromRunToRunAndOnAnyNumberOfThreads) {
  const Problem p(chain({70, 300, 200, 9}, relu, identity), {500, 70}, kFloat32);
  const int before = at::get_num_threads();
  const auto first = p.gradients();
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    const auto again = p.gradients();
    EXPECT_SAME(again.value, first.value);
    EXPECT_SAME(again.grads, first.grads);
  }
  at::set_num_threads(before);
}

TEST(DenseRun, SaysWhyItIsNotFused) {
  const Problem p(chain({6, 8, 5}, relu, identity), {20, 6}, kFloat32);
  auto said = [&](const Tree& ps, const Tensor& x) {
    (void)p.y(ps, x);
    return backend();
  };
  const Tensor x = p.x.tensor();
  EXPECT_EQ(said(p.ps, x), "fused");
  const Tree half = tree::to(p.ps, kBFloat16);
  EXPECT_EQ(said(half, x.to(kBFloat16)), "reference (dtype is not float32 or float64)");
  EXPECT_EQ(said(p.ps, x.narrow(0, 0, 0)), "reference (x has no numbers)");
  {
    at::autocast::set_autocast_enabled(c10::DeviceType::CPU, true);
    const Problem alone(Dense(6, 8), {20, 6}, kFloat32);
    EXPECT_EQ(alone.y(alone.ps, alone.x).scalar_type(), kBFloat16);
    EXPECT_EQ(backend(), "reference (autocast is on)");
    at::autocast::set_autocast_enabled(c10::DeviceType::CPU, false);
  }
  const Problem large(Dense(128, 128), {2, 128}, kFloat32);
  (void)large.y(large.ps, large.x);
  EXPECT_EQ(backend(), "reference (x has few rows)");
  const ops::DisableFusedKernels guard;
  EXPECT_EQ(said(p.ps, x), "reference (fused kernels are disabled)");
}

TEST(DenseRun, WhatBackwardNeedsIsGuarded) {
  const Problem p(chain({6, 8, 5}, relu, sigmoid), {20, 6}, kFloat64);
  const Tree ps = tree::map_tensors(
      [](const Tensor& t) { return t.detach().clone().requires_grad_(true); }, p.ps);
  auto backward = [](const Tensor& y) { torch::autograd::backward({y.sum()}, {}); };
  const Tensor y = p.y(ps, p.x);
  y.mul_(2);
  EXPECT_THAT(text_of_any([&] { backward(y); }), HasSubstr("modified by an inplace operation"));
  const Tensor other = p.y(ps, p.x);
  {
    // As in torch, what the backward pass does not read may change.
    const at::NoGradGuard no_grad;
    ps["layer_1"]["weight"].tensor().mul_(2);
    ps["layer_2"]["bias"].tensor().mul_(2);
  }
  backward(other);
  const Tensor with_graph = p.y(ps, p.x);
  const Tensor read = p.y(ps, p.x);
  {
    const at::NoGradGuard no_grad;
    ps["layer_2"]["bias"].tensor().mul_(2);
  }
  auto second = [&] {
    return torch::autograd::grad({with_graph.sum()}, {ps["layer_1"]["weight"].tensor()}, {}, true,
                                 true);
  };
  EXPECT_THAT(text_of_any([&] { second(); }), HasSubstr("modified by an inplace operation"));
  {
    const at::NoGradGuard no_grad;
    ps["layer_2"]["weight"].tensor().mul_(2);
  }
  EXPECT_THAT(text_of_any([&] { backward(read); }), HasSubstr("modified by an inplace operation"));
  const Tensor third = p.y(ps, p.x);
  backward(third);
  EXPECT_THAT(text_of_any([&] { backward(third); }), HasSubstr("a second time"));
}

TEST(DenseRun, LayersBeforeTheFirstTrainedOneKeepNothing) {
  const Problem p(chain({6, 8, 7, 5}, relu, identity), {20, 6}, kFloat64);
  const Tree last = p.ps["layer_3"];
  auto loss = [&](const Tree& ps, const Tree& layer) {
    return p.loss(
        tuple({named({{"layer_1", ps["layer_1"]}, {"layer_2", ps["layer_2"]}, {"layer_3", layer}}),
               p.x}));
  };
  const Tree by_last = grad([&](const Tree& layer) { return loss(p.ps, layer); }, last);
  EXPECT_EQ(backend(), "fused");
  EXPECT_TREES_CLOSE(by_last, p.gradients().grads[0]["layer_3"], kPlainFloat64);
  Tree frozen;
  {
    const c10::InferenceMode mode;
    frozen = tree::map_tensors([](const Tensor& t) { return t.clone(); }, p.ps);
  }
  EXPECT_SAME(grad([&](const Tree& layer) { return loss(frozen, layer); }, last), by_last);
}

TEST(DenseRun, SaturatedSigmoidsAreZeroOrOne) {
  for (const Dtype dtype : {kFloat32, kFloat64}) {
    const double end = dtype == kFloat32 ? 95 : 800;
    const Tensor x = linspace(-end, end, 40001, {.dtype = dtype}).reshape({-1, 1});
    const Tree ps =
        named({{"weight", ones({1, 1}, {.dtype = dtype})}, {"bias", zeros({1}, {.dtype = dtype})}});
    const Layer layer = Dense(1, 1, sigmoid);
    const Tensor y = apply<Tensor>(layer, x, ps, Tree()).first;
    EXPECT_EQ(backend(), "fused");
    EXPECT_FALSE(y.isnan().any().item<bool>());
    EXPECT_CLOSE(y, x.sigmoid(), dtype == kFloat32 ? 1e-6 : 1e-14);
    EXPECT_LE(y[0].item<double>(), 1e-38);
  }
}

TEST(DenseRun, SumsOfManyRowsKeepTheirDigits) {
  const int64_t rows = 1000000;  // one sum of so many float32 is off by 1e-2
  const Problem p(Dense(3, 2), {rows, 3}, kFloat32);
  const Tensor x = ones({rows, 3}) * 0.1;
  const auto grads = grad([&](const Tree& ps) { return p.y(ps, Tree(x)).sum() * 0.1; }, p.ps);
  EXPECT_CLOSE(grads["bias"].tensor(), full({2}, rows * 0.1), 1e-4);
  EXPECT_CLOSE(grads["weight"].tensor(), full({2, 3}, rows * 0.01), 1e-4);
}

TEST(DenseRun, ASummarySeesEachLayer) {
  const Chain model = chain({6, 8, 5}, relu, identity);
  std::ostringstream s;
  s << summary(model, {20, 6});
  EXPECT_THAT(s.str(), HasSubstr("(20, 8)"));
}

}  // namespace
}  // namespace luxtorch::testing
