#include "luxtorch/ops/activation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "luxtorch/autodiff/derivatives.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/autodiff/vmap.h"
#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "support/compare.h"
#include "support/finite_differences.h"

namespace luxtorch {
namespace {

struct Formula {
  Activation activation;
  double (*value)(double);
};

double logistic(double x) { return 1 / (1 + std::exp(-x)); }
double gaussian_cdf(double x) { return 0.5 * (1 + std::erf(x / std::sqrt(2.0))); }
constexpr double kSeluScale = 1.0507009873554805, kSeluAlpha = 1.6732632423543772;

// From the papers, element by element; softmax and logsoftmax have tests of their own.
const std::vector<Formula>& formulas() {
  static const std::vector<Formula> all{
      {identity, [](double x) { return x; }},
      {sigmoid, logistic},
      {tanh, [](double x) { return std::tanh(x); }},
      {relu, [](double x) { return std::max(x, 0.0); }},
      {relu6, [](double x) { return std::clamp(x, 0.0, 6.0); }},
      {leakyrelu, [](double x) { return x > 0 ? x : 0.01 * x; }},
      {elu, [](double x) { return x > 0 ? x : std::expm1(x); }},
      {celu, [](double x) { return std::max(0.0, x) + std::min(0.0, std::expm1(x)); }},
      {selu, [](double x) { return kSeluScale * (x > 0 ? x : kSeluAlpha * std::expm1(x)); }},
      {gelu, [](double x) { return x * gaussian_cdf(x); }},
      {gelu_tanh,
       [](double x) {
         return 0.5 * x *
                (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
       }},
      {swish, [](double x) { return x * logistic(x); }},
      {mish, [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }},
      {softplus, [](double x) { return std::log1p(std::exp(x)); }},
      {softsign, [](double x) { return x / (1 + std::abs(x)); }},
      {softshrink, [](double x) { return x > 0.5    ? x - 0.5
                                         : x < -0.5 ? x + 0.5
                                                    : 0; }},
      {tanhshrink, [](double x) { return x - std::tanh(x); }},
      {logsigmoid, [](double x) { return -std::log1p(std::exp(-x)); }},
      {hardsigmoid, [](double x) { return std::clamp(x / 6 + 0.5, 0.0, 1.0); }},
      {hardswish, [](double x) { return x * std::clamp(x / 6 + 0.5, 0.0, 1.0); }},
      {hardtanh, [](double x) { return std::clamp(x, -1.0, 1.0); }},
      {logcosh, [](double x) { return std::log(std::cosh(x)); }},
      {lisht, [](double x) { return x * std::tanh(x); }},
      {thresholdrelu, [](double x) { return x > 1 ? x : 0; }},
      {thresholdrelu(-0.5), [](double x) { return x > -0.5 ? x : 0; }},
      {leakyrelu(0.2), [](double x) { return x > 0 ? x : 0.2 * x; }},
      {elu(0.5), [](double x) { return x > 0 ? x : 0.5 * std::expm1(x); }},
      {celu(2), [](double x) { return x > 0 ? x : 2 * std::expm1(x / 2); }},
      {softshrink(0.25), [](double x) { return x > 0.25    ? x - 0.25
                                               : x < -0.25 ? x + 0.25
                                                           : 0; }},
      {hardtanh(-2, 0.5), [](double x) { return std::clamp(x, -2.0, 0.5); }},
  };
  return all;
}

// Away from the corners at 0, +-0.5, +-1, +-3 and 6.
const std::vector<double> kPoints{-7.3, -3.7, -2.2, -1.4, -0.7, -0.3, -0.05,
                                  0.04, 0.2,  0.8,  1.3,  2.6,  4.1,  7.9};

TEST(Activations, AreTheirFormulas) {
  for (const auto& [f, value] : formulas()) {
    std::vector<double> expected;
    for (double x : kPoints) expected.push_back(value(x));
    auto x = tensor(kPoints, {.dtype = kFloat64});
    EXPECT_CLOSE(f(x), tensor(expected, {.dtype = kFloat64}), 1e-12) << f.name();
    EXPECT_CLOSE(f(x.to(kFloat32)), tensor(expected), 2e-6) << f.name();
  }
}

TEST(Activations, OfTheNamesOfFasterOnesAreTheSame) {
  EXPECT_TRUE(sigmoid_fast == sigmoid);
  EXPECT_TRUE(tanh_fast == tanh);
  EXPECT_EQ(sigmoid_fast.name(), "sigmoid_fast");
}

TEST(Activations, HaveTheGradientsOfFiniteDifferences) {
  for (const auto& [f, value] : formulas()) {
    auto x = tensor(kPoints, {.dtype = kFloat64}).set_requires_grad(true);
    f(x).sum().backward();
    auto loss = [&f = f](const Tree& t) { return f(t["x"].tensor()).sum(); };
    EXPECT_TRUE(
        testing::gradients_match(loss, named({{"x", x.detach()}}), named({{"x", x.grad()}})))
        << f.name();
  }
}

// Forward over reverse, forward over forward, and reverse over reverse.
TEST(Activations, HaveTheSecondDerivativesOfFiniteDifferences) {
  const Tensor x = tensor({-3.7, -2.2, -0.8, -0.3, 0.2, 0.7, 1.6, 3.4}, {.dtype = kFloat64});
  const Tensor w = tensor({0.3, -1.2, 0.8, 1.7, -0.4, 0.9, -0.6, 1.1}, {.dtype = kFloat64});
  for (const auto& [activation, value] : formulas()) {
    SCOPED_TRACE(activation.name());
    auto f = [&, a = activation](const Tensor& at) { return (a(at) * w).sum(); };
    const double step = 1e-5;
    auto slopes = [&](const Tensor& at) { return grad(f, at); };
    const Tensor expected = (slopes(x + step) - slopes(x - step)) / (2 * step);
    const Tensor one = x * 0 + 1;
    EXPECT_LT((hessian(f, x).sum(1) - expected).abs().max().item<double>(), 1e-8);
    auto along = [&, a = activation](const Tensor& at) { return jvp(a, at, one).dy * w; };
    EXPECT_LT((jvp(along, x, one).dy - expected).abs().max().item<double>(), 1e-8);
    auto sum_of_slopes = [&](const Tensor& at) { return grad(f, at).sum(); };
    auto inside = [&](const Tensor& at) {
      return vjp(sum_of_slopes, at).pull(ones({}, {.dtype = kFloat64}));
    };
    EXPECT_LT((inside(x) - expected).abs().max().item<double>(), 1e-8);
    if (activation == hardsigmoid) {
      EXPECT_THROW(grad(sum_of_slopes, x), UnsupportedError);
    } else if (expected.abs().max().item<double>() > 0) {
      EXPECT_LT((grad(sum_of_slopes, x) - expected).abs().max().item<double>(), 1e-8);
    }
  }
}

TEST(Activations, StayFiniteFarOut) {
  auto far = tensor({-1e4, -100., -89., 89., 100., 1e4});
  for (const auto& [f, value] : formulas()) {
    EXPECT_TRUE(f(far).isfinite().all().item<bool>()) << f.name();
    EXPECT_EQ(f(far).scalar_type(), kFloat32);
  }
  EXPECT_CLOSE(logcosh(far), far.abs() - std::numbers::ln2, 1e-6);
}

TEST(Activations, KeepTheShape) {
  for (const auto& [f, value] : formulas()) {
    EXPECT_EQ(f(zeros({2, 0, 3})).sizes(), Shape({2, 0, 3}));
    EXPECT_EQ(f(zeros({})).dim(), 0);
  }
}

TEST(Activations, SoftmaxSumsToOneOverTheLastDimension) {
  auto x = tensor({1., 2., 3., -1., 0., 1000.}).reshape({2, 3});
  EXPECT_CLOSE(softmax(x).sum(-1), ones({2}), 1e-6);
  double z = std::exp(1) + std::exp(2) + std::exp(3);
  EXPECT_CLOSE(softmax(x)[0], tensor({std::exp(1) / z, std::exp(2) / z, std::exp(3) / z}), 1e-6);
  EXPECT_CLOSE(logsoftmax(x)[0], softmax(x)[0].log(), 1e-6);
  EXPECT_TRUE(logsoftmax(x).isfinite().all().item<bool>());
}

TEST(Activations, AreValuesWithAName) {
  EXPECT_EQ(gelu_tanh.name(), "gelu_tanh");
  EXPECT_EQ(relu.label(), "relu");
  Activation mine = relu;
  EXPECT_EQ(mine, relu);
  EXPECT_FALSE(mine == gelu);
  mine = Activation{"cube", [](const Tensor& x) { return x * x * x; }};
  EXPECT_SAME(mine(tensor({2.})), tensor({8.}));
  static_assert(std::is_trivially_copyable_v<Activation>);
}

TEST(Activations, WithNumbersShowAndCompareThem) {
  EXPECT_EQ(leakyrelu.name(), "leakyrelu");
  EXPECT_EQ(leakyrelu(0.2).name(), "leakyrelu(0.2)");
  EXPECT_EQ(hardtanh(-2, 0.5).label(), "hardtanh(-2, 0.5)");
  static_assert(leakyrelu == leakyrelu(0.01));
  static_assert(leakyrelu(0.2) == leakyrelu(0.2));
  static_assert(!(leakyrelu(0.2) == leakyrelu));
  static_assert(!(elu(1) == celu(1)));
}

TEST(Activations, RefuseNumbersThatTheyCannotTake) {
  EXPECT_ERROR(ArgumentError, leakyrelu(std::nan("")), "[leakyrelu] expected a number, got nan.");
  EXPECT_ERROR(ArgumentError, celu(0), "[celu] expected a number other than 0, got 0.");
  EXPECT_ERROR(ArgumentError, softshrink(-0.1),
               "[softshrink] expected a number of at least 0, got -0.1.");
  EXPECT_ERROR(ArgumentError, hardtanh(1, -1),
               "[hardtanh] expected two numbers, the first not above the second, got 1 and -1.");
}

TEST(PreluFunction, RefusesAWeightThatDoesNotFitXAlsoUnderTransforms) {
  const Tensor three = ones({3});
  auto at = [](const Tensor& weight) {
    return [weight](const Tensor& x) { return ops::prelu(x, weight); };
  };
  const std::string expected =
      "[prelu] expected weight of shape (1,), or (channels,) with x of shape (batch, channels, "
      "...), "
      "got ";
  EXPECT_ERROR(ShapeError, ops::prelu(ones({3}), three), expected + "(3,) and (3,).");
  EXPECT_ERROR(ShapeError, ops::prelu(ones({}), three), expected + "(3,) and ().");
  EXPECT_ERROR(ShapeError, ops::prelu(ones({3, 2}), three), expected + "(3,) and (3, 2).");
  EXPECT_ERROR(ShapeError, ops::prelu(ones({2, 3}), ones({1, 3})), expected + "(1, 3) and (2, 3).");
  EXPECT_ERROR(ShapeError, ops::prelu(ones({2, 3}).to(kFloat64), three),
               "[prelu] expected weight of x's dtype float64 on cpu, got float32 on cpu.");
  EXPECT_ERROR(ShapeError, jvp(at(three), ones({3}), ones({3})), expected + "(3,) and (3,).");
  EXPECT_ERROR(ShapeError, vmap(at(three))(ones({2, 3})), expected + "(3,) and (3,).");
  const Tensor x = tensor({-2., 1., -3.});
  EXPECT_SAME(jvp(at(full({1}, 0.5)), x, ones({3})).dy, tensor({0.5, 1., 0.5}));
  EXPECT_SAME(vmap(at(full({1}, 0.5)))(x), ops::prelu(x, full({1}, 0.5)));
}

TEST(Glu, GatesTheFirstHalfByTheSecond) {
  const Tensor x = random::normal(Rng(0), {3, 4, 2}, 0, 1, kFloat64);
  const Tensor a = x.narrow(1, 0, 2), b = x.narrow(1, 2, 2);
  EXPECT_CLOSE(glu(x, 1), a / (1 + (-b).exp()), 1e-14);
  EXPECT_CLOSE(glu(x, -2), glu(x, 1), 1e-14);
  EXPECT_EQ(glu(x).sizes(), Shape({3, 4, 1}));
  EXPECT_EQ(glu(x.to(c10::Device("meta")), 1).sizes(), Shape({3, 2, 2}));
  auto sum = [](const Tensor& at) { return glu(at, 1).square().sum(); };
  auto of = [&](const Tree& t) { return sum(t["x"].tensor()); };
  EXPECT_TRUE(testing::gradients_match(of, named({{"x", x}}), named({{"x", grad(sum, x)}})));
}

TEST(Glu, RefusesOddSizesAndDimensionsThatXHasNot) {
  EXPECT_ERROR(ShapeError, glu(ones({2, 3})),
               "[glu] expected x with an even size in dimension -1, got (2, 3).");
  EXPECT_ERROR(ShapeError, glu(ones({2, 4}), 2),
               "[glu] expected x with an even size in dimension 2, got (2, 4).");
  EXPECT_ERROR(ShapeError, glu(ones({})),
               "[glu] expected x with an even size in dimension -1, got ().");
}

}  // namespace
}  // namespace luxtorch
