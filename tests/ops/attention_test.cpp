#include "luxtorch/ops/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>

#include "luxtorch/autodiff/derivatives.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/autodiff/vmap.h"
#include "luxtorch/core/functions.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/core/values.h"
#include "luxtorch/ops/fast_path.h"
#include "support/compare.h"
#include "support/finite_differences.h"
#include "support/normal.h"

namespace luxtorch::testing {
namespace {

using ops::AttentionOptions;
using ops::Backend;

Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& o = {}) {
  return ops::scaled_dot_product_attention(q, k, v, o).y;
}
Backend backend() { return ops::last_backend(ops::FusedOp::attention).backend; }
std::string reason() { return ops::last_backend(ops::FusedOp::attention).reason; }

struct Attention : ::testing::Test {
  Tensor q = normal(0, {2, 4, 5, 3}), k = normal(1, {2, 2, 6, 3}), v = normal(2, {2, 2, 6, 3});
};

TEST_F(Attention, IsTheSoftmaxOfScaledProductsTimesTheValues) {
  const Tensor one_q = q.narrow(1, 0, 2);
  const Tensor scores = (matmul(one_q, k.transpose(-2, -1)) / std::sqrt(3.0)).softmax(-1);
  EXPECT_CLOSE(attend(one_q, k, v), matmul(scores, v), kPlainFloat64);
  EXPECT_EQ(backend(), Backend::fused);
  const auto out = ops::scaled_dot_product_attention(one_q, k, v, {.return_scores = true});
  EXPECT_CLOSE(out.scores, scores, kPlainFloat64);
  EXPECT_EQ(reason(), "scores are returned");
}

TEST_F(Attention, MasksCombineWithCausalityAndBias) {
  const Tensor mask = normal(3, {2, 1, 1, 6}) > -0.5, bias = normal(4, {4, 5, 6});
  const Tensor forbidden = logical_not(logical_and(mask, ops::make_causal_mask(5, 6, {.past = 1})));
  const Tensor all = bias.masked_fill(forbidden, -INFINITY);
  EXPECT_CLOSE(attend(q, k, v, {.mask = mask, .bias = bias, .is_causal = true, .past = 1}),
               attend(q, k, v, {.bias = all}), kPlainFloat64);
}

TEST_F(Attention, CausalMaskIsUpperLeftAndShiftsByThePast) {
  EXPECT_SAME(ops::make_causal_mask(2, 3), tensor({{1, 0, 0}, {1, 1, 0}}).to(kBool));
  EXPECT_SAME(ops::make_causal_mask(2, 3, {.past = 1}), tensor({{1, 1, 0}, {1, 1, 1}}).to(kBool));
  const Tensor keys = k.narrow(2, 0, 5), values = v.narrow(2, 0, 5);
  const Tensor whole = attend(q, keys, values, {.is_causal = true});
  EXPECT_EQ(backend(), Backend::fused);
  for (int64_t past = 0; past < 5; ++past) {
    EXPECT_CLOSE(
        attend(q.narrow(2, past, 5 - past), keys, values, {.is_causal = true, .past = past}),
        whole.narrow(2, past, 5 - past), kPlainFloat64);
  }
}

TEST_F(Attention, AQueryWithoutAnyKeyGetsZerosAndZeroGradients) {
  Tensor mask = ones({5, 6}, {.dtype = kBool});
  mask[3].fill_(false);
  for (bool plain : {false, true}) {
    SCOPED_TRACE(plain);
    std::optional<ops::DisableFusedKernels> guard;
    if (plain) guard.emplace();
    EXPECT_EQ(attend(q, k, v, {.mask = mask}).select(2, 3).abs().max().item<double>(), 0);
    const Tree grads = grad(
        [&](const Tree& t) {
          return attend(t[0].tensor(), t[1].tensor(), t[2].tensor(), {.mask = mask}).sum();
        },
        tuple({q, k, v}));
    EXPECT_EQ(grads[0].tensor().select(2, 3).abs().max().item<double>(), 0);
    for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(isfinite(grads[i].tensor()).all().item<bool>());
  }
}

TEST_F(Attention, WithoutKeysGivesZeros) {
  EXPECT_SAME(attend(q, k.narrow(2, 0, 0), v.narrow(2, 0, 0)),
              zeros({2, 4, 5, 3}, {.dtype = kFloat64}));
}

TEST_F(Attention, SecondDerivativesForwardModeAndVmapAreThoseOfPlainOperators) {
  const Tensor w = normal(5, {2, 4, 5, 3});
  auto f = [&](const Tensor& t) {
    return (attend(q * t, k * t, v * t, {.is_causal = true}) * w).sum();
  };
  const Tensor t = tensor(0.7).to(kFloat64), one = tensor(1.0).to(kFloat64);
  auto slope = [&](const Tensor& s) { return grad(f, s); };
  EXPECT_CLOSE(jvp(f, t, one).dy, slope(t), kPlainFloat64);
  const double h = 1e-5;
  EXPECT_CLOSE(grad(slope, t), (slope(t + h) - slope(t - h)) / (2 * h), 1e-7);
  EXPECT_CLOSE(jvp(slope, t, one).dy, grad(slope, t), 1e-9);

  const Tensor qs = normal(6, {3, 2, 4, 5, 3});
  const Tensor each = vmap([&](const Tensor& s) { return attend(s, k, v); })(qs);
  for (int64_t i = 0; i < 3; ++i) EXPECT_CLOSE(each[i], attend(qs[i], k, v), kPlainFloat64);
}

TEST_F(Attention, OfMetaTensorsHasTheirShape) {
  auto meta = [](const Tensor& t) { return t.to(c10::Device("meta")); };
  const auto out =
      ops::scaled_dot_product_attention(meta(q), meta(k), meta(v), {.return_scores = true});
  EXPECT_TRUE(out.y.is_meta());
  EXPECT_EQ(out.y.sizes(), (Sizes{2, 4, 5, 3}));
  EXPECT_EQ(out.scores.sizes(), (Sizes{2, 4, 5, 6}));
}

TEST_F(Attention, ScoresPassThroughFdrop) {
  auto twice = [](const Tensor& scores) { return scores * 2; };
  EXPECT_CLOSE(attend(q, k, v, {.fdrop = twice}), attend(q, k, v) * 2, kPlainFloat64);
}

TEST_F(Attention, OfOneQueryIsThatOfTorchsOperators) {
  const Tensor query = q.narrow(2, 3, 1), other_v = normal(3, {2, 2, 6, 20}),
               empty_v = normal(3, {2, 2, 6, 0}), mask = normal(4, {2, 1, 1, 6}).gt(0),
               bias = normal(5, {4, 1, 6}), none = zeros({1, 6}, {.dtype = kBool});
  for (const Tensor& values : {v, other_v, empty_v}) {
    for (const auto& options :
         {AttentionOptions{}, AttentionOptions{.mask = mask},
          AttentionOptions{.bias = bias, .scale = 2}, AttentionOptions{.mask = none},
          AttentionOptions{.is_causal = true}, AttentionOptions{.is_causal = true, .past = 2}}) {
      const Tensor y = attend(query, k, values, options);
      EXPECT_EQ(backend(), Backend::fused);
      const ops::DisableFusedKernels guard;
      EXPECT_CLOSE(y, attend(query, k, values, options), kPlainFloat64);
      EXPECT_EQ(backend(), Backend::reference);
    }
  }
  const auto in_float32 = [](const Tensor& t) { return t.to(kFloat32); };
  EXPECT_CLOSE(attend(in_float32(query), in_float32(k), in_float32(v)).to(kFloat64),
               attend(query, k, v), kPlainFloat32);
  const Tensor nan = k.clone();
  nan.select(2, 1).fill_(std::nan(""));
  EXPECT_TRUE(attend(query, nan, v).isnan().all().item<bool>());
}

TEST_F(Attention, SaysWhyItIsNotFused) {
  attend(q, k, v);
  EXPECT_EQ(reason(), "");
  attend(q.narrow(2, 0, 1), k, v);
  EXPECT_EQ(reason(), "");
  attend(q.narrow(2, 0, 1).requires_grad_(), k, v);
  EXPECT_EQ(reason(), "one query needs gradients");
  attend(q, k, normal(3, {2, 2, 6, 7}));
  EXPECT_EQ(reason(), "keys and values have different sizes");
  attend(q.to(Dtype::BFloat16), k.to(Dtype::BFloat16), v.to(Dtype::BFloat16));
  EXPECT_EQ(reason(), "dtype is not float32 or float64");
}

TEST_F(Attention, RefusesWhatDoesNotFit) {
  EXPECT_ERROR(ShapeError, attend(q[0], k, v),
               "[scaled_dot_product_attention] expected q, k and v of shapes (batch, heads, "
               "queries, d), (batch, kv_heads, keys, d) and (batch, kv_heads, keys, e), or all "
               "without batch, got (4, 5, 3), (2, 2, 6, 3) and (2, 2, 6, 3).");
  EXPECT_ERROR(ShapeError, attend(q.narrow(0, 0, 1), k, v),
               "[scaled_dot_product_attention] expected q, k and v of one batch size, got "
               "(1, 4, 5, 3), (2, 2, 6, 3) and (2, 2, 6, 3).");
  EXPECT_ERROR(ShapeError, attend(q.narrow(3, 0, 2), k, v),
               "[scaled_dot_product_attention] expected q and k of one last size, got "
               "(2, 4, 5, 2), (2, 2, 6, 3) and (2, 2, 6, 3).");
  EXPECT_ERROR(ShapeError, attend(q, k, v.narrow(2, 0, 4)),
               "[scaled_dot_product_attention] expected k and v of as many heads and keys each, "
               "got (2, 4, 5, 3), (2, 2, 6, 3) and (2, 2, 4, 3).");
  EXPECT_ERROR(ShapeError, attend(q.narrow(1, 0, 3), k, v),
               "[scaled_dot_product_attention] expected heads of q divisible by those of k and v, "
               "got 3 and 2.");
  EXPECT_ERROR(ShapeError, attend(q, k.to(kFloat32), v),
               "[scaled_dot_product_attention] expected q, k and v of one dtype and device, got "
               "float64 on cpu and float32 on cpu.");
  EXPECT_ERROR(ShapeError, attend(q, k, v, {.mask = ones({5, 4}, {.dtype = kBool})}),
               "[scaled_dot_product_attention] expected a mask whose shape broadcasts to (batch, "
               "heads, queries, keys) = (2, 4, 5, 6), got (5, 4).");
  EXPECT_ERROR(ShapeError, attend(q, k, v, {.mask = normal(0, {5, 6})}),
               "[scaled_dot_product_attention] expected a mask of booleans, true where a query may "
               "attend, got float64. What is added to the products is .bias.");
  EXPECT_ERROR(ShapeError, attend(q, k, v, {.bias = normal(0, {5, 6}, kFloat32)}),
               "[scaled_dot_product_attention] expected a bias of q's dtype float64, got float32.");
  const c10::Device meta("meta");
  EXPECT_ERROR(
      ShapeError, attend(q, k, v, {.mask = ones({5, 6}, {.dtype = kBool}).to(meta)}),
      "[scaled_dot_product_attention] expected mask and bias on q's device cpu, got meta.");
  EXPECT_ERROR(
      ShapeError, attend(q, k, v, {.bias = normal(0, {5, 6}).to(meta)}),
      "[scaled_dot_product_attention] expected mask and bias on q's device cpu, got meta.");
  EXPECT_ERROR(ArgumentError, attend(q, k, v, {.past = 1}),
               "[scaled_dot_product_attention] expected .past of at least 0, and 0 without "
               ".is_causal, got 1.");
  EXPECT_ERROR(ArgumentError, ops::make_causal_mask(-1, 2),
               "[make_causal_mask] expected queries, keys and .past of at least 0, got -1, 2 and "
               "0.");
}

}  // namespace
}  // namespace luxtorch::testing
