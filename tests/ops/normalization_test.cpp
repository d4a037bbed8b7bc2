#include "luxtorch/ops/normalization.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "luxtorch/autodiff/derivatives.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/ops/fast_path.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

Tensor spread(uint64_t seed, const Sizes& shape, Dtype dtype = kFloat64) {
  return random::normal(Rng(seed), shape, 0.3, 2, dtype);
}

TEST(Groupnorm, SetsTheMeanAndVarianceOfEachGroupOfEachSample) {
  const Tensor x = spread(0, {3, 6, 4, 2});
  const Tensor y = ops::groupnorm(x, {}, {}, 2, 0);
  const Tensor grouped = y.reshape({3, 2, 24});
  EXPECT_LT(grouped.mean(2).abs().max().item<double>(), 1e-14);
  EXPECT_CLOSE(grouped.square().mean(2), ones({3, 2}, {.dtype = kFloat64}), 1e-13);
  const Tensor scale = spread(1, {6}), bias = spread(2, {6});
  EXPECT_CLOSE(ops::groupnorm(x, scale, bias, 2, 0),
               y * scale.reshape({1, 6, 1, 1}) + bias.reshape({1, 6, 1, 1}), 1e-14);
  EXPECT_CLOSE(ops::groupnorm(x, scale, {}, 2, 0), y * scale.reshape({1, 6, 1, 1}), 1e-14);
}

TEST(Groupnorm, OfHalfPrecisionWithFloat32ParametersComputesInFloat32) {
  const Tensor scale = spread(1, {6}, kFloat32), bias = spread(2, {6}, kFloat32);
  for (auto dtype : {Dtype::Half, Dtype::BFloat16}) {
    const Tensor x = spread(0, {3, 6, 5}).to(dtype);
    const Tensor y = ops::groupnorm(x, scale, bias, 3);
    EXPECT_EQ(y.scalar_type(), dtype);
    EXPECT_SAME(y, ops::groupnorm(x.to(kFloat32), scale, bias, 3).to(dtype));
    const Tensor tangent = jvp([&](const Tensor& t) { return ops::groupnorm(t, scale, bias, 3); },
                               x, spread(3, {3, 6, 5}).to(dtype))
                               .dy;
    EXPECT_EQ(tangent.scalar_type(), dtype);
  }
}

TEST(Groupnorm, OfMetaTensorsHasTheirShapeAndDtype) {
  const Tensor x = spread(0, {3, 6, 5}, kFloat32).to(c10::Device("meta"));
  const Tensor y = ops::groupnorm(x, {}, {}, 3);
  EXPECT_TRUE(y.is_meta());
  EXPECT_EQ(y.sizes(), x.sizes());
  EXPECT_EQ(y.scalar_type(), kFloat32);
}

TEST(Instancenorm, SetsTheMeanAndVarianceOfEachChannelOfEachSample) {
  const Tensor y = ops::instancenorm(spread(0, {3, 4, 5, 2}), {}, {}, 0);
  EXPECT_LT(y.mean({2, 3}).abs().max().item<double>(), 1e-14);
  EXPECT_CLOSE(y.square().mean({2, 3}), ones({3, 4}, {.dtype = kFloat64}), 1e-13);
}

TEST(Layernorm, SetsTheMeanAndVarianceOverItsDimensions) {
  const Tensor x = spread(0, {3, 4, 5});
  for (const Sizes& dims :
       {Sizes{-1}, Sizes{1, 2}, Sizes{1}, Sizes{0, 2}, Sizes{0, 1, 2}, Sizes{}}) {
    const Tensor y = ops::layernorm(x, {}, {}, dims, 0);
    EXPECT_LT(y.mean(dims).abs().max().item<double>(), 1e-14);
    const Tensor squares = y.square().mean(dims);
    EXPECT_CLOSE(squares, squares * 0 + 1, 1e-13);
    const Tensor scale = spread(1, {5}), bias = spread(2, {4, 1});
    EXPECT_CLOSE(ops::layernorm(x, scale, bias, dims, 0), y * scale + bias, 1e-14);
    EXPECT_CLOSE(ops::layernorm(x, scale, {}, dims, 0), y * scale, 1e-14);
  }
}

TEST(Layernorm, OfHalfPrecisionWithFloat32ParametersComputesInFloat32) {
  const Tensor scale = spread(1, {5}, kFloat32), bias = spread(2, {5}, kFloat32);
  for (auto dtype : {Dtype::Half, Dtype::BFloat16}) {
    const Tensor x = spread(0, {3, 5}).to(dtype);
    for (const Sizes& dims : {Sizes{-1}, Sizes{0, 1}}) {
      const Tensor y = ops::layernorm(x, scale, bias, dims);
      EXPECT_EQ(y.scalar_type(), dtype);
      EXPECT_SAME(y, ops::layernorm(x.to(kFloat32), scale, bias, dims).to(dtype));
    }
  }
}

TEST(Layernorm, OfMetaTensorsHasTheirShapeAndDtype) {
  const Tensor y =
      ops::layernorm(spread(0, {3, 5}, kFloat32).to(c10::Device("meta")), {}, {}, {{-1}});
  EXPECT_TRUE(y.is_meta());
  EXPECT_EQ(y.sizes(), Shape({3, 5}));
  EXPECT_EQ(y.scalar_type(), kFloat32);
}

TEST(RmsNorm, SetsTheMeanSquareOverItsDimensions) {
  const Tensor x = spread(0, {3, 4, 5});
  for (const Sizes& dims : {Sizes{-1}, Sizes{1, 2}, Sizes{1}, Sizes{0, 2}, Sizes{}}) {
    const Tensor y = ops::rms_norm(x, {}, dims, 0);
    const Tensor squares = y.square().mean(dims);
    EXPECT_CLOSE(squares, squares * 0 + 1, 1e-13);
    EXPECT_CLOSE(y * x.square().mean(dims, true).sqrt(), x, 1e-13);
    const Tensor scale = spread(1, {4, 1});
    EXPECT_CLOSE(ops::rms_norm(x, scale, dims, 0), y * scale, 1e-14);
  }
}

TEST(RmsNorm, InOnePassIsThatOfTorchsOperators) {
  const Tensor x = spread(0, {3, 2, 37}), scale = spread(1, {37}), wide = spread(2, {2, 37});
  auto expect_equal = [&](const Tensor& s, Sizes dims) {
    const Tensor y = ops::rms_norm(x, s, dims, 1e-3);
    const ops::DisableFusedKernels guard;
    EXPECT_CLOSE(y, ops::rms_norm(x, s, dims, 1e-3), 1e-14);
  };
  expect_equal({}, {-1}), expect_equal(scale, {-1}), expect_equal(wide, {1, 2});
}

// First derivatives, also by a gradient that lies transposed, and second ones.
TEST(RmsNorm, DerivativesInOnePassAreThoseOfTorchsOperators) {
  const int before = at::get_num_threads();
  auto with = [](bool scaled, int64_t rows, int64_t features) {
    const Tensor x = random::normal(Rng(1), {rows, 2, features}, 0, 1, kFloat64).requires_grad_();
    const Tensor scale = random::normal(Rng(2), {2, features}, 0, 1, kFloat64).requires_grad_();
    const Tensor v = random::normal(Rng(3), {features, 2, rows}, 0, 1, kFloat64).permute({2, 1, 0});
    const std::vector<Tensor> leaves = scaled ? std::vector{x, scale} : std::vector{x};
    auto by = [&](const Tensor& y, const Tensor& g, bool create_graph) {
      return torch::autograd::grad({y}, leaves, {g}, /*retain_graph=*/true, create_graph);
    };
    const Tensor y = ops::rms_norm(x, scaled ? scale : Tensor(), {{-2, -1}}, 1e-3);
    auto all = by(y, v, false);
    all.push_back(y.detach());
    const auto first = by(y, v, true);
    Tensor sum = first[0].mul(first[0]).sum();
    if (scaled) sum = sum + first[1].pow(3).sum();
    for (const Tensor& t : by(sum, {}, false)) all.push_back(t);
    return all;
  };
  for (const int threads : {1, 2}) {
    at::set_num_threads(threads);
    for (const bool scaled : {true, false}) {
      for (const auto& [rows, features] : {std::pair{1, 3}, std::pair{5, 10}, std::pair{300, 70}}) {
        const auto fused = with(scaled, rows, features);
        const ops::DisableFusedKernels guard;
        const auto plain = with(scaled, rows, features);
        ASSERT_EQ(fused.size(), plain.size());
        for (size_t i = 0; i < fused.size(); ++i) EXPECT_CLOSE(fused[i], plain[i], kPlainFloat64);
      }
    }
  }
  at::set_num_threads(before);
}

TEST(RmsNorm, OfHalfPrecisionTakesTheMeanOfSquaresInFloat32) {
  const Tensor scale = spread(1, {5}, kFloat32);
  const Tensor x = full({3, 5}, 300).to(Dtype::Half);  // whose squares are beyond float16
  for (const Sizes& dims : {Sizes{-1}, Sizes{0, 1}}) {
    const Tensor y = ops::rms_norm(x, scale, dims);
    EXPECT_EQ(y.scalar_type(), Dtype::Half);
    EXPECT_SAME(y, ops::rms_norm(x.to(kFloat32), scale, dims).to(Dtype::Half));
    EXPECT_SAME(ops::rms_norm(x, {}, dims), full({3, 5}, 1).to(Dtype::Half));
  }
}

TEST(RmsNorm, OfMetaTensorsHasTheirShapeAndDtype) {
  const Tensor y = ops::rms_norm(spread(0, {3, 5}, kFloat32).to(c10::Device("meta")), {}, {{-1}});
  EXPECT_TRUE(y.is_meta());
  EXPECT_EQ(y.sizes(), Shape({3, 5}));
}

}  // namespace
}  // namespace luxtorch::testing
