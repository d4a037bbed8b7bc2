// The one-node form of the losses against the plain ops that a tensor with gaps takes.
#include <ATen/ops/_make_dual.h>
#include <ATen/ops/_unpack_dual.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <limits>
#include <sstream>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/ops/fast_path.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

struct LossCase {
  const char* name;
  std::function<Tensor(const Tensor&, const Tensor&)> loss;
  Tensor y_hat, y;
};

std::vector<LossCase> loss_cases(Dtype dtype) {
  const TensorOptions options{.dtype = dtype};
  const Tensor waves = linspace(-900, 900, 21000, options).sin().reshape({3000, 7});
  const Tensor p = waves * 0.49 + 0.5, hard = (waves.flip(0) > 0).to(dtype);
  const Tensor many = waves.reshape({168, 125});
  const Tensor labels = waves.argmax(1), soft = (waves.flip(1) * 3).softmax(-1);
  using BCE = BinaryCrossEntropyLoss;
  using CE = CrossEntropyLoss;
  return {
      {"bce", BCE{}, p, hard},
      {"bce soft", BCE{.agg = Agg::sum}, p, p.flip(0)},
      {"bce smoothed", BCE{.label_smoothing = 0.1}, p, hard},
      {"ce", CE{.logits = true}, waves * 5, soft},
      {"ce smoothed", CE{.agg = Agg::sum, .label_smoothing = 0.1, .logits = true}, waves * 5, soft},
      {"ce labels", CE{.logits = true}, waves * 5, labels},
      {"ce labels smoothed", CE{.label_smoothing = 0.1, .logits = true}, waves * 5, labels},
      {"ce volume", CE{.logits = true}, waves.reshape({30, 100, 7}), labels.reshape({30, 100})},
      {"ce of 125 classes", CE{.label_smoothing = 0.1, .logits = true}, many * 5,
       (many.flip(1) * 3).softmax(-1)},
      {"ce labels of 125 classes", CE{.logits = true}, many * 5, many.argmax(1)}};
}

Tensor with_gaps(const Tensor& t) { return stack({t, t}, -1).select(-1, 0); }

TEST(FusedLoss, LargeBatchesAgreeWithPlainOps) {
  for (Dtype dtype : {kFloat32, kFloat64}) {
    const double tolerance = dtype == kFloat64 ? kPlainFloat64 : kPlainFloat32;
    for (const auto& [name, loss, y_hat, y] : loss_cases(dtype)) {
      SCOPED_TRACE(name);
      auto f = [&, &loss = loss, &y = y](const Tree& x) { return loss(x.tensor(), y); };
      auto [value, grad] = value_and_grad(f, y_hat);
      auto [plain_value, plain_grad] = value_and_grad(f, with_gaps(y_hat));
      EXPECT_CLOSE(value, plain_value, tolerance);
      EXPECT_CLOSE(grad.tensor(), plain_grad.tensor(), tolerance);
      EXPECT_SAME(loss(y_hat, y), value);
    }
  }
}

TEST(FusedLoss, TellsItsBackendAndCanBeDisabled) {
  auto said = [](const LossCase& c, const Tensor& y_hat) {
    std::ostringstream s;
    (void)c.loss(y_hat, c.y);
    s << ops::last_backend(ops::FusedOp::loss);
    return s.str();
  };
  for (const auto& c : loss_cases(kFloat64)) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(said(c, c.y_hat), "fused");
    EXPECT_EQ(said(c, with_gaps(c.y_hat)), "reference (a tensor is not contiguous)");
    const Tensor value = c.loss(c.y_hat, c.y);
    const ops::DisableFusedKernels guard;
    EXPECT_EQ(said(c, c.y_hat), "reference (fused kernels are disabled)");
    EXPECT_CLOSE(c.loss(c.y_hat, c.y), value, kPlainFloat64);
  }
}

TEST(FusedLoss, TheGradientThatIsDifferentiableIsTheSame) {
  for (const auto& [name, loss, y_hat, y] : loss_cases(kFloat64)) {
    SCOPED_TRACE(name);
    auto f = [&, &loss = loss, &y = y](const Tree& x) { return loss(x.tensor(), y) * 3; };
    EXPECT_CLOSE(grad(f, y_hat, {.create_graph = true}).tensor(), grad(f, y_hat).tensor(),
                 kPlainFloat64);
  }
}

TEST(FusedLoss, ForwardDifferentiationGivesTheSlope) {
  for (const auto& [name, loss, y_hat, y] : loss_cases(kFloat64)) {
    SCOPED_TRACE(name);
    auto f = [&, &loss = loss, &y = y](const Tree& x) { return loss(x.tensor(), y); };
    const Tensor direction = y_hat.cos();
    const auto level = torch::autograd::forward_ad::enter_dual_level();
    const Tensor value = loss(at::_make_dual(y_hat, direction, static_cast<int64_t>(level)), y);
    const Tensor tangent =
        std::get<1>(at::_unpack_dual(value, static_cast<int64_t>(level))).clone();
    torch::autograd::forward_ad::exit_dual_level(level);
    EXPECT_CLOSE(tangent, (grad(f, y_hat).tensor() * direction).sum(), kGoldenFloat64);
  }
}

TEST(FusedLoss, AClassThatIsRuledOutHasNoSlope) {
  const double inf = std::numeric_limits<double>::infinity(), q = 1 / (1 + std::exp(1.0));
  const Tensor y_hat = tensor({1., 2., -inf}).reshape({1, 3});
  const CrossEntropyLoss loss{.logits = true};
  const Tensor label = tensor(std::vector<int64_t>{1});
  auto [value, grads] =
      value_and_grad([&](const Tree& x) { return loss(x.tensor(), label); }, y_hat);
  EXPECT_CLOSE(value, full({}, -std::log(1 - q)), kPlainFloat32);
  EXPECT_CLOSE(grads.tensor(), tensor({q, -q, 0.}).reshape({1, 3}), kPlainFloat32);
}

TEST(FusedLoss, NotANumberStaysOne) {
  const double nan = std::nan("");
  auto is_nan = [](const Tensor& t) { return t.isnan().item<bool>(); };
  for (double y : {0., 1., 0.5}) {
    EXPECT_TRUE(is_nan(BinaryCrossEntropyLoss{}(tensor({0.5, nan}), tensor({1., y}))));
  }
  EXPECT_TRUE(is_nan(BinaryCrossEntropyLoss{}(tensor({0.5}), tensor({nan}))));
  for (const Tensor& x : {tensor({nan, 1., 2.}), tensor({1., nan, 2.}), tensor({1., 2., nan})}) {
    const CrossEntropyLoss loss{.logits = true};
    EXPECT_TRUE(is_nan(loss(x.reshape({1, 3}), tensor(std::vector<int64_t>{1}))));
    EXPECT_TRUE(is_nan(loss(x.reshape({1, 3}), tensor({0., 1., 0.}).reshape({1, 3}))));
  }
}

}  // namespace
}  // namespace luxtorch::testing
