#include "luxtorch/init.h"

#include <gtest/gtest.h>

#include <cmath>

#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

double mean(const Tensor& t) { return t.to(kFloat64).mean().item<double>(); }
double deviation(const Tensor& t) { return t.to(kFloat64).std().item<double>(); }
double largest(const Tensor& t) { return t.abs().max().item<double>(); }

// A uniform on (-bound, bound): inside it, nearly touching it, with its deviation.
void expect_uniform(const Tensor& t, double bound) {
  EXPECT_LE(largest(t), bound * (1 + 1e-6));
  EXPECT_GT(largest(t), bound * 0.99);
  EXPECT_NEAR(mean(t) / bound, 0, 0.03);
  EXPECT_NEAR(deviation(t) / bound, std::sqrt(1.0 / 3), 0.02);
}
void expect_normal(const Tensor& t, double mu, double sigma) {
  EXPECT_NEAR((mean(t) - mu) / sigma, 0, 0.05);
  EXPECT_NEAR(deviation(t) / sigma, 1, 0.03);
}

const std::vector<int64_t> kMatrix{80, 120};       // fans: 120 in, 80 out
const std::vector<int64_t> kKernel{40, 30, 3, 2};  // fans: 180 in, 240 out

TEST(Init, ConstantsFill) {
  EXPECT_SAME(init::zeros(Rng(1), {2, 3}), zeros({2, 3}));
  EXPECT_SAME(init::ones(Rng(1), {2, 3}), ones({2, 3}));
  EXPECT_SAME(init::Constant{0.5}(Rng(1), {2}), tensor({0.5, 0.5}));
}

TEST(Init, PlainDistributionsAreTheRngs) {
  EXPECT_SAME(init::rand(Rng(1), {5}), random::uniform(Rng(1), {5}));
  EXPECT_SAME(init::randn(Rng(1), {5}), random::normal(Rng(1), {5}));
  EXPECT_SAME((init::Uniform{-1, 2}(Rng(1), {5})), random::uniform(Rng(1), {5}, -1, 2));
  EXPECT_SAME((init::Normal{1, 2}(Rng(1), {5})), random::normal(Rng(1), {5}, 1, 2));
}

TEST(Init, GlorotSpreadsByBothFans) {
  expect_uniform(init::glorot_uniform(Rng(1), kMatrix), std::sqrt(6.0 / 200));
  expect_uniform(init::glorot_uniform(Rng(1), kKernel), std::sqrt(6.0 / 420));
  expect_uniform(init::glorot_uniform(Rng(1), {4000}), std::sqrt(6.0 / 4001));
  expect_uniform(init::GlorotUniform{.gain = 3}(Rng(1), kMatrix), 3 * std::sqrt(6.0 / 200));
  expect_normal(init::glorot_normal(Rng(1), kMatrix), 0, std::sqrt(2.0 / 200));
  expect_normal(init::GlorotNormal{.gain = 3}(Rng(1), kKernel), 0, 3 * std::sqrt(2.0 / 420));
}

TEST(Init, KaimingSpreadsByTheFanIn) {
  expect_uniform(init::kaiming_uniform(Rng(1), kMatrix), std::sqrt(6.0 / 120));
  expect_uniform(init::KaimingUniform{.gain = 1}(Rng(1), kKernel), std::sqrt(3.0 / 180));
  expect_normal(init::kaiming_normal(Rng(1), kMatrix), 0, std::sqrt(2.0 / 120));
  expect_normal(init::KaimingNormal{.gain = 1}(Rng(1), kKernel), 0, std::sqrt(1.0 / 180));
}

TEST(Init, TorchAndLuxHaveTheirOwnDefaults) {
  expect_uniform(init::torch_default(Rng(1), kMatrix), 1 / std::sqrt(120.0));
  expect_uniform(init::lux_default(Rng(1), kMatrix), std::sqrt(3.0 / 120));
  expect_normal(init::Lux1xNormal{.hidden = 16}(Rng(1), kMatrix), -0.25, 0.5);
}

TEST(Init, TruncatedNormalStaysInsideAndIsTheCutGaussian) {
  auto t = init::truncated_normal(Rng(1), {20000});
  EXPECT_LE(largest(t), 2);
  EXPECT_GT(largest(t), 1.98);
  expect_normal(t, 0, 0.87963);  // the deviation of a normal cut at two deviations
  init::TruncatedNormal right{.mean = 1, .std = 2, .low = 1, .high = 5};
  auto r = right(Rng(1), {20000});
  EXPECT_GE(r.min().item<float>(), 1);
  EXPECT_LE(r.max().item<float>(), 5);
  EXPECT_NEAR(mean(r), 1 + 2 * 0.72278, 0.03);  // (phi(0) - phi(2)) / (Phi(2) - Phi(0))
  EXPECT_ERROR(ArgumentError, (init::TruncatedNormal{.low = 2, .high = 2}(Rng(1), {2})),
               "[init::truncated_normal] expected low < high, got 2.0 and 2.0.");
}

TEST(Init, OrthogonalHasOrthonormalRowsOrColumns) {
  auto wide = init::orthogonal(Rng(1), {20, 50});
  EXPECT_CLOSE(wide.matmul(wide.t()), eye(20), 1e-5);
  auto tall = init::Orthogonal{.gain = 2}(Rng(1), {50, 20});
  EXPECT_CLOSE(tall.t().matmul(tall), eye(20) * 4, 1e-5);
  auto kernel = init::orthogonal(Rng(1), {6, 2, 3, 3});
  EXPECT_EQ(kernel.sizes(), Shape({6, 2, 3, 3}));
  EXPECT_CLOSE(kernel.flatten(1).matmul(kernel.flatten(1).t()), eye(6), 1e-5);
  EXPECT_TRUE(wide.is_contiguous() && tall.is_contiguous() && kernel.is_contiguous());
  EXPECT_ERROR(ShapeError, init::orthogonal(Rng(1), {4}),
               "[init::orthogonal] expected a shape of at least two dimensions, got (4,).");
}

TEST(Init, SparseHasItsShareOfZerosInEachColumn) {
  auto w = init::Sparse{.sparsity = 0.25, .std = 3}(Rng(1), {40, 100});
  EXPECT_SAME((w == 0).sum(0), full({100}, 10, {.dtype = kInt64}));
  EXPECT_FALSE(tree::equal(w.select(1, 0) == 0, w.select(1, 1) == 0));
  expect_normal(w.masked_select(w != 0), 0, 3);
  EXPECT_SAME((init::Sparse{.sparsity = 1}(Rng(1), {3, 2})), zeros({3, 2}));
  EXPECT_ERROR(ShapeError, init::sparse_init(Rng(1), {4}),
               "[init::sparse_init] expected a shape (out, in), got (4,).");
  EXPECT_ERROR(ArgumentError, (init::Sparse{.sparsity = 1.5}(Rng(1), {4, 4})),
               "[init::sparse_init] expected a sparsity from 0 to 1, got 1.5.");
}

TEST(Init, IdentityIsAMatrixAMiddleTapOrZeros) {
  EXPECT_SAME(init::identity_init(Rng(1), {3, 3}), eye(3));
  EXPECT_SAME(init::identity_init(Rng(1), {2, 3}), eye(3).narrow(0, 0, 2));
  EXPECT_SAME(init::Identity{.gain = 2}(Rng(1), {2, 2}), eye(2) * 2);
  EXPECT_SAME(init::identity_init(Rng(1), {3}), zeros({3}));
  // Julia's circshift by 1 moves rows down.
  EXPECT_SAME(init::Identity{.shift = 1}(Rng(1), {3, 3}),
              tensor({0., 0., 1., 1., 0., 0., 0., 1., 0.}).reshape({3, 3}));
  auto kernel = init::identity_init(Rng(1), {2, 2, 3, 5});
  EXPECT_SAME(kernel.select(2, 1).select(2, 2), eye(2));
  EXPECT_EQ(kernel.sum().item<float>(), 2);
}

TEST(Init, ScalarShapesAreRefusedWithTheInitialisersName) {
  EXPECT_ERROR(ShapeError, init::glorot_uniform(Rng(1), {}),
               "[init::glorot_uniform] expected a shape of at least one dimension, got ().");
  EXPECT_ERROR(ShapeError, init::identity_init(Rng(1), {}),
               "[init::identity_init] expected a shape of at least one dimension, got ().");
}

TEST(Init, AllGiveFloat32OfTheShapeAndRepeatThemselves) {
  const std::vector<Initializer> all{
      init::zeros,           init::ones,           init::rand,
      init::randn,           init::glorot_uniform, init::glorot_normal,
      init::kaiming_uniform, init::kaiming_normal, init::truncated_normal,
      init::orthogonal,      init::sparse_init,    init::identity_init,
      init::torch_default,   init::lux_default,    init::Lux1xNormal{8}};
  for (const auto& f : all) {
    auto t = f(Rng(3), {6, 4});
    EXPECT_EQ(t.scalar_type(), kFloat32);
    EXPECT_EQ(t.sizes(), Shape({6, 4}));
    EXPECT_SAME(t, f(Rng(3), {6, 4}));
  }
}

struct CellOptions {
  GateInitializers init_weight = {};
};

TEST(GateInitializers, TakeNothingOneOrOneForEachGate) {
  auto one = [](Rng, Shape shape) { return ones(shape); };
  auto two = init::Constant{2};
  Initializer three = init::Constant{3};
  EXPECT_TRUE(CellOptions{}.init_weight.empty());
  CellOptions same{.init_weight = one};
  EXPECT_EQ(same.init_weight.size(), 1u);
  EXPECT_SAME(same.init_weight[3](Rng(1), {1}), ones({1}));
  CellOptions each{.init_weight = {one, two, three}};
  ASSERT_EQ(each.init_weight.size(), 3u);
  for (size_t gate = 0; gate < 3; ++gate) {
    EXPECT_EQ(each.init_weight[gate](Rng(1), {1}).item<float>(), static_cast<float>(gate + 1));
  }
  GateInitializers copy = each.init_weight;
  EXPECT_EQ(copy.size(), 3u);
  static_assert(!std::is_constructible_v<GateInitializers, std::nullptr_t>);
  static_assert(!std::is_constructible_v<GateInitializers, int>);
}

}  // namespace
}  // namespace luxtorch
