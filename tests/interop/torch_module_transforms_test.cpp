// Modules of torch inside function transforms.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include "interop/torch_module_cases.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/interop/torch_module.h"
#include "luxtorch/train/derivatives.h"
#include "luxtorch/train/grad.h"
#include "luxtorch/train/vmap.h"
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
