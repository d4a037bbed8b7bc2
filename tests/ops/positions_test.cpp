#include "luxtorch/ops/positions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "luxtorch/autodiff/derivatives.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/autodiff/vmap.h"
#include "luxtorch/core/functions.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/core/values.h"
#include "luxtorch/ops/fast_path.h"
#include "luxtorch/rng.h"
#include "support/compare.h"
#include "support/finite_differences.h"
#include "support/normal.h"

namespace luxtorch::testing {
namespace {

TEST(RotaryEmbedding, TurnsPairsByPositionTimesAngle) {
  const auto [cos, sin] = ops::compute_rotary_embedding_params(4, 3, {.dtype = kFloat64});
  const double angle = 2 * std::pow(10000, -0.5);  // of the second pair at position 2
  EXPECT_NEAR(cos[2][1].item<double>(), std::cos(angle), 1e-14);
  EXPECT_NEAR(sin[2][1].item<double>(), std::sin(angle), 1e-14);
  EXPECT_NEAR(sin[2][0].item<double>(), std::sin(2), 1e-14);
  const Tensor x = normal(0, {1, 3, 1, 4});
  const Tensor y = ops::apply_rotary_embedding(x, cos, sin);
  auto at = [](const Tensor& t, int64_t i) { return t[0][2][0][i].item<double>(); };
  EXPECT_NEAR(at(y, 1), at(x, 1) * std::cos(angle) - at(x, 3) * std::sin(angle), 1e-14);
  EXPECT_NEAR(at(y, 3), at(x, 3) * std::cos(angle) + at(x, 1) * std::sin(angle), 1e-14);
}

TEST(RotaryEmbedding, BothVariantsOfTheCachesAgreeBitForBit) {
  const Tensor x = normal(0, {2, 5, 3, 6}, kFloat32);
  const auto low = ops::compute_rotary_embedding_params(6, 5);
  const auto twice = ops::compute_rotary_embedding_params(6, 5, {.low_memory_variant = false});
  EXPECT_EQ(twice.cos_cache.sizes(), (Sizes{5, 6}));
  EXPECT_SAME(ops::apply_rotary_embedding(x, low.cos_cache, low.sin_cache),
              ops::apply_rotary_embedding(x, twice.cos_cache, twice.sin_cache));
}

TEST(RotaryEmbedding, InterleavedIsTheSameOfPermutedFeatures) {
  const Tensor x = normal(0, {2, 5, 3, 6});
  const auto [cos, sin] = ops::compute_rotary_embedding_params(6, 5, {.dtype = kFloat64});
  const Tensor order = tensor({0, 2, 4, 1, 3, 5});
  EXPECT_SAME(
      ops::apply_rotary_embedding(x, cos, sin, {.interleaved = true}).index_select(-1, order),
      ops::apply_rotary_embedding(x.index_select(-1, order), cos, sin));
}

TEST(RotaryEmbedding, ProductsOfQueriesAndKeysDependOnTheDistanceAlone) {
  const auto caches = ops::compute_rotary_embedding_params(6, 20, {.dtype = kFloat64});
  const Tensor q = normal(0, {1, 1, 1, 6}), k = normal(1, {1, 1, 1, 6});
  auto product = [&](int64_t i, int64_t j) {
    auto turned = [&](const Tensor& x, int64_t position) {
      return ops::apply_rotary_embedding(x, tensor({position}), caches.cos_cache, caches.sin_cache);
    };
    return (turned(q, i) * turned(k, j)).sum().item<double>();
  };
  EXPECT_NEAR(product(5, 2), product(19, 16), 1e-12);
  EXPECT_GT(std::abs(product(5, 2) - product(5, 3)), 1e-3);
}

TEST(RotaryEmbedding, PositionsChooseRowsForAllSamplesOrEach) {
  const auto [cos, sin] = ops::compute_rotary_embedding_params(6, 9, {.dtype = kFloat64});
  const Tensor x = normal(0, {2, 9, 3, 6});
  const Tensor whole = ops::apply_rotary_embedding(x, cos, sin);
  const Tensor later = x.narrow(1, 4, 2);
  EXPECT_SAME(ops::apply_rotary_embedding(later, tensor({4, 5}), cos, sin), whole.narrow(1, 4, 2));
  EXPECT_SAME(ops::apply_rotary_embedding(later, tensor({{4, 5}, {4, 5}}), cos, sin),
              whole.narrow(1, 4, 2));
  const Tensor heads_first = x.transpose(1, 2);
  EXPECT_SAME(ops::apply_rotary_embedding(heads_first, cos, sin, {.seq_dim = -2}),
              whole.transpose(1, 2));
}

TEST(RotaryEmbedding, InOnePassIsThatOfTorchsOperators) {
  const auto [cos, sin] = ops::compute_rotary_embedding_params(6, 9, {.dtype = kFloat64});
  const Tensor x =
      normal(0, {2, 3, 5, 6}).transpose(1, 2);  // (batch, time, heads, dim), not contiguous
  for (const bool interleaved : {false, true}) {
    const ops::RotaryOptions options{.interleaved = interleaved};
    const Tensor y =
        ops::apply_rotary_embedding(x, cos.narrow(0, 4, 5), sin.narrow(0, 4, 5), options);
    const ops::DisableFusedKernels guard;
    EXPECT_CLOSE(y,
                 ops::apply_rotary_embedding(x, cos.narrow(0, 4, 5), sin.narrow(0, 4, 5), options),
                 kPlainFloat64);
  }
}

TEST(RotaryEmbedding, OfHalfPrecisionComputesInFloat32) {
  const auto [cos, sin] = ops::compute_rotary_embedding_params(6, 5);
  const Tensor x = normal(0, {2, 5, 3, 6}).to(Dtype::BFloat16);
  EXPECT_SAME(ops::apply_rotary_embedding(x, cos, sin),
              ops::apply_rotary_embedding(x.to(kFloat32), cos, sin).to(Dtype::BFloat16));
}

// Both forms, as functions of x.
std::vector<std::function<Tensor(const Tensor&)>> rotations() {
  const auto [cos, sin] = ops::compute_rotary_embedding_params(4, 9, {.dtype = kFloat64});
  return {[=](const Tensor& x) { return ops::apply_rotary_embedding(x, cos, sin); },
          [=](const Tensor& x) {
            return ops::apply_rotary_embedding(x, tensor({7, 0, 3}), cos, sin,
                                               {.interleaved = true});
          }};
}

TEST(RotaryEmbedding, HasTheDerivativesThatFiniteDifferencesGive) {
  const Tensor x = normal(0, {2, 3, 2, 4}), direction = normal(1, {2, 3, 2, 4});
  for (const auto& rotated : rotations()) {
    auto f = [&](const Tree& t) { return rotated(t.tensor()).pow(3).sum(); };
    EXPECT_TRUE(gradients_match(f, x, grad(f, Tree(x))));
    auto slope = [&](const Tree& t) { return jvp(f, t, Tree(direction)).dy; };
    EXPECT_TRUE(gradients_match(slope, x, grad(slope, Tree(x))));
    const double step = 1e-5;
    const Tensor curvature =
        (slope(x + direction * step) - slope(x - direction * step)) / (2 * step);
    EXPECT_CLOSE(jvp(slope, Tree(x), Tree(direction)).dy, curvature, 1e-7);
  }
}

TEST(RotaryEmbedding, GivesUnderVmapWhatALoopGives) {
  const Tensor xs = normal(0, {3, 2, 3, 2, 4});
  for (const auto& rotated : rotations()) {
    const Tensor all = vmap(rotated)(xs);
    for (int64_t i = 0; i < 3; ++i) EXPECT_SAME(all[i], rotated(xs[i]));
  }
  // Other positions for each sample.
  const auto [cos, sin] = ops::compute_rotary_embedding_params(4, 9, {.dtype = kFloat64});
  auto at = [&](const Tensor& positions) {
    return ops::apply_rotary_embedding(xs[0], positions, cos, sin);
  };
  const Tensor positions = tensor({{0, 1, 2}, {8, 4, 4}}), all = vmap(at)(positions);
  for (int64_t i = 0; i < 2; ++i) EXPECT_SAME(all[i], at(positions[i]));
}

TEST(RotaryEmbedding, OfMetaTensorsHasTheirShapeAndDtype) {
  const Device meta("meta");
  const auto caches = ops::compute_rotary_embedding_params(4, 9);
  const Tensor cos = caches.cos_cache.to(meta), sin = caches.sin_cache.to(meta),
               x = normal(0, {2, 3, 2, 4}, kFloat32).to(meta);
  for (const Tensor& y : {ops::apply_rotary_embedding(x, cos, sin),
                          ops::apply_rotary_embedding(x, tensor({7, 0, 3}).to(meta), cos, sin),
                          ops::apply_rotary_embedding(x, tensor({{7, 0, 3}, {1, 2, 3}}).to(meta),
                                                      cos, sin, {.interleaved = true})}) {
    EXPECT_TRUE(y.is_meta());
    EXPECT_EQ(y.sizes(), x.sizes());
    EXPECT_EQ(y.scalar_type(), kFloat32);
  }
}

TEST(RotaryEmbedding, RefusesWhatDoesNotFit) {
  const auto [cos, sin] = ops::compute_rotary_embedding_params(6, 5);
  const Tensor x = normal(0, {2, 6, 3, 6});
  EXPECT_ERROR(ShapeError, ops::apply_rotary_embedding(x, cos, sin),
               "[apply_rotary_embedding] expected at most 5 time steps, as the caches have rows, "
               "got 6.");
  EXPECT_ERROR(ShapeError, ops::apply_rotary_embedding(x.narrow(3, 0, 4), cos, sin),
               "[apply_rotary_embedding] expected x of 2 dimensions or more, of an even last size, "
               "and caches (length, dim) or (length, dim / 2) of it, got (2, 6, 3, 4), (5, 3) and "
               "(5, 3).");
  EXPECT_ERROR(ArgumentError, ops::apply_rotary_embedding(x, cos, sin, {.seq_dim = 3}),
               "[apply_rotary_embedding] expected .seq_dim before the last dimension of x of shape "
               "(2, 6, 3, 6), got 3.");
  EXPECT_ERROR(ShapeError, ops::apply_rotary_embedding(x, tensor({0, 1}), cos, sin),
               "[apply_rotary_embedding] expected positions (time) or (batch, time) of x of shape "
               "(2, 6, 3, 6) with time in dimension 1, got (2,).");
  EXPECT_ERROR(ArgumentError, ops::compute_rotary_embedding_params(5, 2),
               "[compute_rotary_embedding_params] expected an even dim of at least 2, got 5.");
}

TEST(AlibiBias, FallsWithTheDistanceByAPowerOfTwoForEachHead) {
  const Tensor bias = ops::alibi_bias(4, 2, 5, {.past = 3, .dtype = kFloat64});
  EXPECT_EQ(bias.sizes(), (Sizes{4, 2, 5}));
  EXPECT_EQ(bias[0][0][3].item<double>(), 0);
  EXPECT_EQ(bias[0][0][1].item<double>(), -2 * std::pow(2, -2));
  EXPECT_EQ(bias[3][1][0].item<double>(), -4 * std::pow(2, -8));
  EXPECT_ERROR(ArgumentError, ops::alibi_bias(0, 1, 1),
               "[alibi_bias] expected heads of at least 1, and queries, keys and .past of at least "
               "0, got 0, 1, 1 and 0.");
  EXPECT_ERROR(ArgumentError, ops::alibi_bias(1, 1, 1, {.dtype = kInt64}),
               "[alibi_bias] expected a floating .dtype, got int64.");
}

TEST(AlibiBias, OfHalfPrecisionIsRoundedOnceFromFloat64) {
  for (auto dtype : {Dtype::Half, Dtype::BFloat16, kFloat32}) {
    EXPECT_SAME(ops::alibi_bias(3, 2, 600, {.past = 598, .dtype = dtype}),
                ops::alibi_bias(3, 2, 600, {.past = 598, .dtype = kFloat64}).to(dtype));
  }
  const Tensor far = ops::alibi_bias(8, 1, 258, {.past = 257, .dtype = Dtype::BFloat16});
  EXPECT_EQ(far[0][0][0].item<double>(), -128);  // -257 / 2, rounded to 8 bits
  EXPECT_EQ(far[0][0][1].item<double>(), -128);
}

TEST(AlibiBias, OfTheMetaDeviceHasItsShapeAndDtype) {
  const Tensor bias =
      ops::alibi_bias(4, 2, 5, {.dtype = Dtype::BFloat16, .device = Device("meta")});
  EXPECT_TRUE(bias.is_meta());
  EXPECT_EQ(bias.sizes(), (Sizes{4, 2, 5}));
  EXPECT_EQ(bias.scalar_type(), Dtype::BFloat16);
}

}  // namespace
}  // namespace luxtorch::testing
