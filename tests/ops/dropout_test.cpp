// Dropout in one pass and in torch's operators: the same mask, values and derivatives.
#include "luxtorch/ops/dropout.h"

#include <ATen/Parallel.h>
#include <ATen/ops/_make_dual.h>
#include <ATen/ops/_unpack_dual.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/forward_grad.h>

#include "luxtorch/autodiff/derivatives.h"
#include "luxtorch/autodiff/vmap.h"
#include "luxtorch/core/functions.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/ops/fast_path.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

const Rng kRng(4);

Tensor numbers(Shape shape, Dtype dtype = kFloat64) {
  return random::normal(Rng(9), shape, 0, 1, dtype);
}

// The definition, with the mask of uniforms.
Tensor plain_dropout(const Tensor& x, double p) {
  Tensor mask = random::uniform(kRng, x.sizes()).ge(p).to(x.scalar_type());
  if (p < 1) mask.div_(1 - p);
  return x.mul(mask);
}

TEST(DropoutOp, KeepsWhereAUniformReachesTheProbability) {
  const int before = at::get_num_threads();
  const auto least = random::uniform(kRng, {1000}).min().item<double>();
  for (const int threads : {1, 2}) {
    at::set_num_threads(threads);
    for (const auto dtype : {kFloat32, kFloat64, Dtype::Half, Dtype::BFloat16}) {
      const Tensor x = numbers({90001}, dtype);
      // A uniform itself, one between it and the next, and p that float32 rounds to 0 and to 1.
      for (const double p :
           {0.5, 0.1, least, least + 0x1p-26, 1e-9, 1e-60, 1 - 1e-12, 1.0, 0.30000001}) {
        EXPECT_SAME(ops::dropout(kRng, x, p), plain_dropout(x, p));
        const ops::DisableFusedKernels guard;
        EXPECT_SAME(ops::dropout(kRng, x, p), plain_dropout(x, p));
      }
    }
  }
  at::set_num_threads(before);
}

TEST(DropoutOp, OfATransposedTensorGoesByItsElementsAndNotByItsMemory) {
  const Tensor x = numbers({40, 30}).t();
  EXPECT_SAME(ops::dropout(kRng, x, 0.3), ops::dropout(kRng, x.contiguous(), 0.3));
}

TEST(DropoutOp, DerivativesOfAllOrdersAreThoseOfTheProduct) {
  const Tensor x = numbers({5, 7}), v = numbers({5, 7}).flip({0});
  auto with = [&](auto drop) {
    const Tensor leaf = x.clone().requires_grad_();
    const Tensor y = drop(leaf);
    const Tensor first = torch::autograd::grad({y.pow(3).sum()}, {leaf}, {}, true, true)[0];
    const Tensor second = torch::autograd::grad({(first * v).sum()}, {leaf}, {}, true, true)[0];
    const Tensor third = torch::autograd::grad({(second * v).sum()}, {leaf}, {}, true)[0];
    // A gradient that lies transposed, and one without memory of its own.
    const Tensor transposed =
        torch::autograd::grad({y}, {leaf}, {v.t().contiguous().t()}, /*retain_graph=*/true)[0];
    const Tensor expanded = torch::autograd::grad({y.sum()}, {leaf})[0];
    return std::vector<Tensor>{y.detach(), first.detach(), second.detach(),
                               third,      transposed,     expanded};
  };
  const auto fused = with([](const Tensor& t) { return ops::dropout(kRng, t, 0.4); });
  const auto plain = with([](const Tensor& t) { return plain_dropout(t, 0.4); });
  for (size_t i = 0; i < fused.size(); ++i) EXPECT_CLOSE(fused[i], plain[i], kPlainFloat64);
}

TEST(DropoutOp, TransformsComputeWhatTheProductDoes) {
  const Tensor x = numbers({6}), v = numbers({6}).flip({0});
  auto fused = [](const Tensor& t) { return ops::dropout(kRng, t.sin(), 0.4).pow(2); };
  auto plain = [](const Tensor& t) { return plain_dropout(t.sin(), 0.4).pow(2); };
  EXPECT_CLOSE(jacobian(fused)(x), jacobian(plain)(x), kPlainFloat64);
  EXPECT_CLOSE(jvp(fused, x, v).dy, jvp(plain, x, v).dy, kPlainFloat64);
  auto sum = [](auto f) { return [f](const Tensor& t) { return f(t).sum(); }; };
  EXPECT_CLOSE(hvp(sum(fused), x, v), hvp(sum(plain), x, v), kPlainFloat64);
}

// The graph is older than the transform: its mask is not drawn again for each sample.
TEST(DropoutOp, ABackwardPassUnderVmapHasTheMaskOfTheForwardPass) {
  const Tensor x = numbers({6}).requires_grad_(), all = numbers({3, 6});
  const Tensor y = ops::dropout(kRng, x, 0.4);
  auto backward = [&](const Tensor& by_y) {
    return torch::autograd::grad({y}, {x}, {by_y}, /*retain_graph=*/true)[0];
  };
  EXPECT_SAME(vmap(backward)(all), stack({backward(all[0]), backward(all[1]), backward(all[2])}));
}

TEST(DropoutOp, ABackwardPassCarriesTangents) {
  const Tensor x = numbers({6}).requires_grad_(), g = numbers({6}), dg = numbers({6}).flip({0});
  const Tensor y = ops::dropout(kRng, x, 0.4);
  const auto level = torch::autograd::ForwardADLevel::get_next_idx();
  const Tensor dual = at::_make_dual(g, dg, static_cast<int64_t>(level));
  const Tensor by_x = torch::autograd::grad({y}, {x}, {dual})[0];
  const Tensor tangent = std::get<1>(at::_unpack_dual(by_x, static_cast<int64_t>(level))).clone();
  torch::autograd::ForwardADLevel::release_idx(level);
  EXPECT_SAME(tangent, plain_dropout(dg, 0.4));
}

}  // namespace
}  // namespace luxtorch::testing
