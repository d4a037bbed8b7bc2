// Second derivatives by forward mode of operators whose rules in torch are wrong (pytorch/pytorch issue 198017), what is
// detached, and what derivatives say of torch's complaints.
#include <ATen/autocast_mode.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/binary_cross_entropy.h>
#include <ATen/ops/cholesky_inverse.h>
#include <ATen/ops/cholesky_solve.h>
#include <ATen/ops/cumprod.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/glu.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/hardsigmoid.h>
#include <ATen/ops/instance_norm.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linalg_det.h>
#include <ATen/ops/linalg_householder_product.h>
#include <ATen/ops/linalg_slogdet.h>
#include <ATen/ops/linalg_solve.h>
#include <ATen/ops/tril.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "autodiff/float64.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/losses/loss.h"
#include "support/compare.h"
#include "support/error_text.h"
#include "support/finite_differences.h"

namespace luxtorch::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
const Tensor kOne = ones({}, {.dtype = kFloat64});

struct Operator {
  std::string name;
  std::function<Tensor(const Tensor&)> f;
  Tensor x;
};

std::vector<Operator> operators() {
  const Tensor square = normal(1, {3, 3}) + at::eye(3, kFloat64).mul(3), b = normal(2, {3, 2});
  const auto w = normal(3, {4}), c = normal(4, {4});
  return {
      {"group_norm", [=](const Tensor& x) { return at::group_norm(x, 2, w, c); },
       normal(0, {3, 4, 2})},
      {"cumprod", [](const Tensor& x) { return at::cumprod(x, 0); },
       tensor({1.0, 0.0, 2.0, -1.5}, {.dtype = kFloat64})},
      {"glu", [](const Tensor& x) { return at::glu(x, -1); }, normal(0, {3, 4})},
      {"binary_cross_entropy",
       [](const Tensor& x) {
         return at::binary_cross_entropy(x, x.detach() * 0 + 0.3, {}, at::Reduction::Sum);
       },
       tensor({0.2, 0.5, 0.9}, {.dtype = kFloat64})},
      {"det", [](const Tensor& x) { return at::linalg_det(x); }, square},
      {"slogdet", [](const Tensor& x) { return std::get<1>(at::linalg_slogdet(x)); }, square},
      {"solve", [=](const Tensor& x) { return at::linalg_solve(x, b); }, square},
      {"cholesky_inverse", [](const Tensor& x) { return at::cholesky_inverse(at::tril(x)); },
       square},
      {"cholesky_solve", [=](const Tensor& x) { return at::cholesky_solve(b, at::tril(x)); },
       square},
      {"householder_product",
       [](const Tensor& x) {
         return at::linalg_householder_product(x, x.select(0, 0).abs().add(1));
       },
       normal(0, {3, 2})},
  };
}

// The derivative along d, and the second one, by every order of modes.
TEST(SecondDerivatives, OfForwardModeAreThoseOfFiniteDifferences) {
  for (const auto& [name, f, x] : operators()) {
    SCOPED_TRACE(name);
    const Tensor d = normal(7, x.sizes()) * 0.3, w = normal(8, f(x).sizes());
    const Tensor bend = normal(9, x.sizes()) * 0.3;
    auto g = [&, f = f, x = x](const Tensor& t) {  // along a curve, so that d f/dx'' counts, too
      return (f(x + d * t + bend * t * t) * w).sum();
    };
    const double step = 1e-5;
    auto slope = [&](double t) { return grad(g, kOne * t).item<double>(); };
    const double expected = (slope(step) - slope(-step)) / (2 * step);
    const double scale = std::max({1.0, std::abs(expected), std::abs(slope(0))});
    const Tensor zero = kOne * 0;
    auto first = [&](const Tensor& t) { return jvp(g, t, kOne).dy; };
    EXPECT_NEAR(first(zero).item<double>(), slope(0), 1e-9 * scale);
    EXPECT_NEAR(jvp(first, zero, kOne).dy.item<double>(), expected, 1e-6 * scale) << "jvp of jvp";
    EXPECT_NEAR(grad(first, zero).item<double>(), expected, 1e-6 * scale) << "grad of jvp";
    EXPECT_NEAR(vjp(first, zero).pull(kOne).item<double>(), expected, 1e-6 * scale) << "vjp of jvp";
    auto by_forward = [&](const Tensor& t) {
      return jacobian(g, t, {.mode = DerivativeMode::Forward});
    };
    EXPECT_NEAR(jacobian(by_forward, zero, {.mode = DerivativeMode::Forward}).item<double>(),
                expected, 1e-6 * scale)
        << "Forward of Forward";
    EXPECT_NEAR(hessian(g, zero).item<double>(), expected, 1e-6 * scale) << "hessian";
  }
}

// A physics-informed loss: what is trained is captured, and u_xx comes from forward mode.
TEST(SecondDerivatives, OfForwardModeAreDifferentiableByCapturedParameters) {
  auto check = [](const Layer& model, const std::function<Tensor(const Tensor&)>& in_front) {
    auto [ps, st] = setup(Rng(0), model);
    ps = tree::to(ps, kFloat64);
    const Tree states = tree::to(st, kFloat64);
    const Tensor x = normal(1, {5, 2}), d = normal(2, {5, 2});
    auto loss = [&](const Tree& p) {
      auto u = [&](const Tensor& at) {
        return apply<Tensor>(model, in_front(at), p, states).first;
      };
      auto u_x = [&](const Tensor& at) { return jvp(u, at, d).dy; };
      return jvp(u_x, x, d).dy.square().mean();
    };
    const auto [value, grads] = value_and_grad(loss, ps);
    // The second derivative by differences of values.
    auto u = [&, ps = ps](const Tensor& at) {
      return apply<Tensor>(model, in_front(at), ps, states).first;
    };
    const double h = 1e-4;
    const Tensor u_xx = (u(x + d * h) - u(x) * 2 + u(x - d * h)) / (h * h);
    EXPECT_NEAR(value.item<double>(), u_xx.square().mean().item<double>(),
                1e-5 * std::abs(value.item<double>()));
    EXPECT_TRUE(gradients_match(loss, ps, grads, {.tolerance = 1e-5, .elements = 6}));
  };
  check(Chain(Dense(2, 4, tanh), BatchNorm(4), Dense(4, 1)), [](const Tensor& x) { return x; });
}

// Torch's rules for them are wrong, and so are its gradients of third order, which could stand in.
TEST(SecondDerivatives, OfForwardModeAreRefusedThroughTorchsNorms) {
  const auto w = normal(3, {4}), c = normal(4, {4});
  const std::vector<Operator> norms{
      {"layer_norm", [=](const Tensor& x) { return at::layer_norm(x, {4}, w, c); },
       normal(0, {3, 4})},
      {"batch_norm",
       [=](const Tensor& x) { return at::batch_norm(x, w, c, {}, {}, true, 0.1, 0.25, false); },
       normal(0, {3, 4})},
      {"instance_norm",
       [=](const Tensor& x) { return at::instance_norm(x, w, c, {}, {}, true, 0.1, 0.25, false); },
       normal(0, {2, 4, 3})},
  };
  for (const auto& [name, f, x] : norms) {
    SCOPED_TRACE(name);
    auto g = [&, f = f](const Tensor& at) { return f(at).square().sum() + f(at).sin().sum(); };
    const Tensor d = normal(7, x.sizes());
    auto first = [&, x = x](const Tensor& at) { return jvp(g, at, d).dy; };
    EXPECT_CLOSE(first(x), (grad(g, x) * d).sum(), 1e-10);
    for (const auto& text :
         {text_of([&, x = x] { jvp(first, x, d); }), text_of([&, x = x] { grad(first, x); }),
          text_of([&, x = x] { vjp(first, x).pull(kOne); })}) {
      EXPECT_THAT(text, AllOf(HasSubstr("[jvp]"), HasSubstr("by hessian, hvp or grad of grad")));
    }
    const double step = 1e-5;
    auto slope = [&, x = x](double by) { return (grad(g, x + d * by) * d).sum().item<double>(); };
    EXPECT_NEAR((hvp(g, x, d) * d).sum().item<double>(), (slope(step) - slope(-step)) / (2 * step),
                1e-5);
  }
}

TEST(BatchNormTransforms, TrainsUnderVmapAsALoopDoes) {
  const Layer model = BatchNorm(3, tanh, {.momentum = 0.3});
  auto [ps32, st32] = setup(Rng(0), model);
  const Tree ps = tree::to(ps32, kFloat64), st = tree::to(st32, kFloat64);
  const Tensor x = normal(1, {4, 5, 3, 2});
  auto f = [&](const Tensor& one) {
    auto [y, st2] = model(one, ps, st);
    return tuple({y, st2["running_mean"], st2["running_var"]});
  };
  const Tree all = vmap(f)(x);
  for (int64_t i = 0; i < 4; ++i) {
    const Tree one = f(x[i]);
    for (size_t k = 0; k < 3; ++k) EXPECT_CLOSE(all[k].tensor()[i], one[k].tensor(), 1e-12);
  }
}

TEST(Detached, IsAConstantInBothModes) {
  const Tensor w = normal(0, {3});
  auto product = [](const Tensor& x) { return x * tree::detach(Tree(x)).tensor(); };
  const auto forward = DerivativeMode::Forward;
  EXPECT_CLOSE(jacobian(product, w), w.diag(), 1e-12);
  EXPECT_CLOSE(jacobian(product, w, {.mode = forward}), w.diag(), 1e-12);
  EXPECT_CLOSE(jvp(product, w, w * 2).dy, w * w * 2, 1e-12);
  auto sum = [&](const Tensor& x) { return product(x).sum(); };
  for (auto mode : {DerivativeMode::Reverse, forward})
    EXPECT_CLOSE(hessian(sum, w, {.mode = mode}), w.diag() * 0, 1e-12);
  auto first = [&](const Tensor& x) { return jvp(product, x, w).dy; };
  EXPECT_CLOSE(jvp(first, w, w).dy, w * 0, 1e-12);
  EXPECT_CLOSE(vmap(product)(stack({w, w * 2})), stack({w * w, w * w * 4}), 1e-12);
  // Of an outer level, seen in an inner one.
  auto outer = [&](const Tensor& x) {
    return jvp([&](const Tensor& v) { return v * tree::detach(Tree(x)).tensor() * x; }, x, w).dy;
  };
  EXPECT_CLOSE(jvp(outer, w, w).dy, w * w * w, 1e-12);
}

TEST(Detached, AreTheTargetsOfEveryLoss) {
  const Tensor w = tensor({0.6, 0.3, 0.7}, {.dtype = kFloat64});
  using Loss = std::function<Tensor(const Tensor&, const Tensor&)>;
  const std::vector<std::pair<std::string, Loss>> losses{
      {"MSE", MSELoss{}},
      {"MAE", MAELoss{}},
      {"Huber", HuberLoss{}},
      {"MSLE", MSLELoss{}},
      {"Poisson", PoissonLoss{}},
      {"Hinge", HingeLoss{}},
      {"SquaredHinge", SquaredHingeLoss{}},
      {"DiceCoeff", DiceCoeffLoss{}},
      {"Tversky", TverskyLoss{}},
      {"KLDivergence", KLDivergenceLoss{}},
      {"BinaryCrossEntropy", BinaryCrossEntropyLoss{}},
      {"CrossEntropy", CrossEntropyLoss{}},
      {"BinaryFocal", BinaryFocalLoss{}},
      {"Focal", FocalLoss{}},
      {"SiameseContrastive", SiameseContrastiveLoss{}},
  };
  for (const auto& [name, loss] : losses) {
    SCOPED_TRACE(name);
    auto f = [&, loss = loss](const Tensor& x) {
      const Tensor rows = stack({x * 0.9, x.flip({0}) * 0.8});
      return loss(rows, stack({x * x, x * 0.5}));
    };
    auto by_constants = [&, loss = loss](const Tensor& x) {
      const Tensor rows = stack({x * 0.9, x.flip({0}) * 0.8});
      return loss(rows, stack({w * w, w * 0.5}));
    };
    const Tensor expected = grad(by_constants, w);
    EXPECT_CLOSE(grad(f, w), expected, 1e-10);
    EXPECT_CLOSE(jacobian(f, w), expected, 1e-10);
    EXPECT_CLOSE(jacobian(f, w, {.mode = DerivativeMode::Forward}), expected, 1e-10);
  }
}

TEST(DerivativesInInferenceMode, AreWhatTheyAreOutsideOfIt) {
  const Tensor w = normal(0, {3});
  auto f = [](const Tensor& x) { return (x * x * x).sum(); };
  c10::InferenceMode inference;
  const Tensor inside = w.clone();
  for (const Tensor& x : {w, inside}) {
    EXPECT_CLOSE(grad(f, x), w * w * 3, 1e-12);
    EXPECT_CLOSE(vjp(f, x).pull(kOne), w * w * 3, 1e-12);
    EXPECT_CLOSE(jvp(f, x, x).dy, (w * w * w).sum() * 3, 1e-12);
    EXPECT_CLOSE(hessian(f, x), (w * 6).diag(), 1e-12);
    EXPECT_CLOSE(vmap(grad(f))(stack({x, x})), stack({w * w * 3, w * w * 3}), 1e-12);
  }
  EXPECT_TRUE(inside.is_inference());
  EXPECT_TRUE(c10::InferenceMode::is_enabled());
  EXPECT_THAT(text_of([&] { grad([&](const Tensor& x) { return (x * inside).sum(); }, w); }),
              AllOf(HasSubstr("[value_and_grad]"), HasSubstr("outside of c10::InferenceMode")));
}

TEST(DerivativeErrors, HaveTorchsWordsWithoutItsFrames) {
  const Tensor w = normal(0, {3}), m = normal(1, {2, 2});
  auto f = [&](const Tensor& x) { return m.matmul(x).sum(); };
  for (const auto& text : {text_of([&] { grad(f, w); }), text_of([&] { vjp(f, w); }),
                           text_of([&] { jvp(f, w, w); }), text_of([&] { hessian(f, w); }),
                           text_of([&] { jacobian(f, w, {.mode = DerivativeMode::Forward}); }),
                           text_of([&] { vmap(f)(stack({w, w})); })}) {
    EXPECT_THAT(text, AllOf(AnyOf(HasSubstr("size mismatch"), HasSubstr("mat1 and mat2")),
                            Not(HasSubstr("frame #"))));
  }
  EXPECT_THROW(grad(f, w), TorchError);
  auto slope = [](const Tensor& x) {
    return grad([](const Tensor& a) { return at::hardsigmoid(a).sum(); }, x).sum();
  };
  EXPECT_THROW(grad(slope, w), UnsupportedError);
  EXPECT_THAT(text_of([&] { grad(slope, w); }),
              AllOf(HasSubstr("hardsigmoid_backward"), Not(HasSubstr("frame #"))));
}

TEST(Autocast, IsNamedWhereItsDtypesDoNotFit) {
  struct Autocast {
    Autocast() { at::autocast::set_autocast_enabled(c10::DeviceType::CPU, true); }
    ~Autocast() { at::autocast::set_autocast_enabled(c10::DeviceType::CPU, false); }
  };
  const Layer model = Chain(Dense(2, 3, tanh), Dense(3, 1));
  auto [ps, st] = setup(Rng(0), model);
  const Tensor x = normal(0, {4, 2}).to(kFloat32), y = normal(1, {4, 1}).to(kFloat32);
  auto run = [&, ps = ps, st = st] { return apply<Tensor>(model, x, ps, st).first; };
  const Tensor y_hat = run();
  EXPECT_THAT(text_of([&] { MSELoss{}(y_hat, y.to(kFloat64)); }), Not(HasSubstr("autocast")));
  const Autocast on;
  EXPECT_THAT(text_of(run), AllOf(HasSubstr("layer_2"), HasSubstr("Torch's autocast is on")));
  EXPECT_THAT(text_of([&] { MSELoss{}(y_hat.matmul(y_hat.t()), y.matmul(y.t()).to(kFloat32)); }),
              HasSubstr("Torch's autocast is on"));
}

TEST(DerivativeErrors, NameLengthsOutOfRangeUnderVmap) {
  const Recurrence model{RNNCell(2, 3)};
  auto [ps, st] = setup(Rng(0), model);
  const Tensor x = normal(0, {3, 4, 5, 2}).to(kFloat32);
  const Tensor lengths = tensor({1, 2, 3, 4, 5, 0, 9, 1, 1, 1, 1, 1}).reshape({3, 4});
  auto f = [&, ps = ps, st = st](const Tensor& xs, const Tensor& n) {
    return model(xs, n, ps, st).first.tensor();
  };
  EXPECT_THAT(text_of([&] { vmap(f)(x, lengths); }),
              HasSubstr("from 0 to 5, the steps of x, got 9 in row 2 of sample 1"));
}

}  // namespace
}  // namespace luxtorch::testing
