// vmap, vjp, jvp, jacobian, hessian and hvp against torch.func: tools/golden/transforms.py.
#include <gtest/gtest.h>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/recurrent.h"
#include "support/compare.h"
#include "support/golden.h"

namespace luxtorch::testing {
namespace {

constexpr double kTolerance = 1e-10;

void expect_close(const Tree& got, const Tree& expected, double tolerance = kTolerance) {
  ASSERT_EQ(tree::difference(got, expected), "");
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        SCOPED_TRACE(path);
        EXPECT_CLOSE(leaf.tensor(), expected.at(path).tensor(), tolerance);
      },
      got);
}

Tensor mlp(const Tree& ps, const Tensor& x) {
  const Tensor hidden = (x.matmul(ps["w1"].tensor().t()) + ps["b1"].tensor()).tanh();
  return hidden.matmul(ps["w2"].tensor().t()) + ps["b2"].tensor();
}
Tensor loss(const Tree& ps, const Tensor& x, const Tensor& y) {
  return (mlp(ps, x) - y).pow(2).mean();
}

class TransformsGolden : public ::testing::Test {
 protected:
  const Tree golden_ = load_golden("transforms");
  const Tree mlp_ = golden_["mlp"], ps_ = mlp_["ps"];
  const Tensor x_ = mlp_["x"].tensor(), y_ = mlp_["y"].tensor();
};

TEST_F(TransformsGolden, ProductsWithTheJacobianEqualTorchs) {
  auto f = [&](const Tree& p) { return mlp(p, x_); };
  const auto [y, pull] = vjp(f, ps_);
  EXPECT_CLOSE(y, mlp_["outputs"].tensor(), kTolerance);
  expect_close(pull(mlp_["cotangent"].tensor()), mlp_["vjp"]);
  EXPECT_CLOSE(jvp(f, ps_, mlp_["direction"]).dy, mlp_["jvp"].tensor(), kTolerance);
}

TEST_F(TransformsGolden, JacobiansEqualTorchs) {
  auto f = [&](const Tree& p) { return mlp(p, x_); };
  for (auto mode : {DerivativeMode::Reverse, DerivativeMode::Forward})
    expect_close(jacobian(f, ps_, {.mode = mode}), mlp_["jacrev"]);
  auto of_x = [&](const Tensor& x) { return mlp(ps_, x); };
  EXPECT_CLOSE(jacobian(of_x, x_, {.mode = DerivativeMode::Forward}), mlp_["jacfwd"].tensor(),
               kTolerance);
}

TEST_F(TransformsGolden, HessiansEqualTorchs) {
  for (const auto* name : {"w1", "b2"}) {
    auto f = [&](const Tensor& v) { return loss(ps_.with(name, v), x_, y_); };
    EXPECT_CLOSE(hessian(f, ps_[name].tensor()), mlp_["hessian"][name].tensor(), kTolerance);
  }
}

TEST_F(TransformsGolden, GradientsPerSampleEqualTorchs) {
  expect_close(vmap(grad(loss), {.in_dims = tuple({Tree(), 0, 0})})(ps_, x_, y_),
               mlp_["per_sample"]);
}

TEST_F(TransformsGolden, NestedMapsEqualTorchs) {
  auto outer = [](const Tensor& a, const Tensor& b) { return (a.unsqueeze(1) * b).sin(); };
  auto row = [&](const Tensor& a, const Tensor& bs) {
    return vmap(outer, {.in_dims = tuple({Tree(), 0}), .out_dims = 2})(a, bs);
  };
  EXPECT_CLOSE(vmap(row, {.in_dims = tuple({1, Tree()})})(x_, y_), golden_["nested"].tensor(),
               kTolerance);
  auto along = [&](const Tensor& v) {
    auto f = [&](const Tree& p) { return mlp(p, x_); };
    return jvp(f, ps_, mlp_["direction"].with("b2", v)).dy;
  };
  EXPECT_CLOSE(vmap(along, {.out_dims = -1})(y_), golden_["vmap_of_jvp"].tensor(), kTolerance);
}

TEST_F(TransformsGolden, InFloat32EqualTorchs) {
  const Tree ps = tree::to(ps_, kFloat32), &golden = golden_["float32"];
  const Tensor x = x_.to(kFloat32), y = y_.to(kFloat32);
  expect_close(vmap(grad(loss), {.in_dims = tuple({Tree(), 0, 0})})(ps, x, y), golden["per_sample"],
               2e-5);
  auto f = [&](const Tensor& v) { return loss(ps.with("b2", v), x, y); };
  EXPECT_CLOSE(hessian(f, ps["b2"].tensor()), golden["hessian"].tensor(), 2e-5);
}

// Through our own LSTM, which torch.func sees as a loop.
TEST_F(TransformsGolden, ThroughTheRecurrentLayerEqualTorchs) {
  const Tree golden = golden_["lstm"], &ps = golden["ps"];
  const Tensor& x = golden["x"].tensor();
  const Recurrence model{LSTMCell(2, 3)};
  const Tree st = initial_states(model, Rng(0));
  auto run = [&](const Tree& p, const Tensor& sequence) {
    return model(sequence.unsqueeze(0), p, st).first.tensor().squeeze(0);
  };
  const VmapOptions samples{.in_dims = tuple({Tree(), 0})};
  EXPECT_CLOSE(vmap(run, samples)(ps, x), golden["outputs"].tensor(), kTolerance);
  auto total = [&](const Tree& p, const Tensor& s) { return run(p, s).pow(2).sum(); };
  expect_close(vmap(grad(total), samples)(ps, x), golden["per_sample"]);
  auto of_x = [&](const Tensor& s) { return run(ps, s); };
  EXPECT_CLOSE(vmap(jacobian(of_x))(x), golden["jacobian"].tensor(), kTolerance);
  auto summed = [&](const Tree& p) { return Tree(model(x, p, st).first.tensor().pow(2).sum()); };
  expect_close(hvp(summed, ps, golden["direction"]), golden["hvp"]);
}

}  // namespace
}  // namespace luxtorch::testing
