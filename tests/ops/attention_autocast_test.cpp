// Attention under torch's autocast has the dtype that torch's operator has there.
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <gtest/gtest.h>

#include "luxtorch/core/values.h"
#include "luxtorch/ops/attention.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

struct Autocast {
  Autocast() { at::autocast::set_autocast_enabled(c10::DeviceType::CPU, true); }
  ~Autocast() { at::autocast::set_autocast_enabled(c10::DeviceType::CPU, false); }
};

Tensor torchs(const Tensor& q, const Tensor& k, const Tensor& v, const ops::AttentionOptions& o) {
  return at::scaled_dot_product_attention(
      q, k, v, o.mask.defined() ? std::optional<at::Tensor>(o.mask) : std::nullopt, 0, o.is_causal);
}

TEST(AttentionUnderAutocast, HasTheDtypeOfTorchsOperator) {
  const at::NoGradGuard no_graph;  // where one query has a loop of its own
  for (const auto dtype : {kFloat32, kFloat64, kBFloat16}) {
    for (const int64_t queries : {1, 5}) {
      auto numbers = [&](uint64_t seed, int64_t tokens) {
        return random::normal(Rng(seed), {2, 4, tokens, 8}).to(dtype);
      };
      const Tensor q = numbers(1, queries), k = numbers(2, 5), v = numbers(3, 5);
      const Tensor mask = random::normal(Rng(4), {queries, 5}).gt(-1);
      for (const auto& options : {ops::AttentionOptions{}, ops::AttentionOptions{.mask = mask},
                                  ops::AttentionOptions{.is_causal = true}}) {
        const Tensor outside = ops::scaled_dot_product_attention(q, k, v, options).y;
        EXPECT_EQ(outside.scalar_type(), dtype);
        const Autocast on;
        const Tensor y = ops::scaled_dot_product_attention(q, k, v, options).y;
        EXPECT_EQ(y.scalar_type(), torchs(q, k, v, options).scalar_type());
        EXPECT_CLOSE(y.to(kFloat64), outside.to(kFloat64), 2e-2);
      }
    }
  }
}

TEST(AttentionUnderAutocast, TakesABiasAndGivesScoresOfThatDtype) {
  const Tensor q = random::normal(Rng(1), {2, 4, 3, 8}), bias = random::normal(Rng(2), {3, 3});
  const auto outside =
      ops::scaled_dot_product_attention(q, q, q, {.bias = bias, .return_scores = true});
  const Autocast on;
  const auto out =
      ops::scaled_dot_product_attention(q, q, q, {.bias = bias, .return_scores = true});
  EXPECT_EQ(out.y.scalar_type(), kBFloat16);
  EXPECT_EQ(out.scores.scalar_type(), kBFloat16);
  EXPECT_CLOSE(out.y.to(kFloat32), outside.y, 2e-2);
  EXPECT_CLOSE(out.scores.to(kFloat32), outside.scores, 2e-2);
}

}  // namespace
}  // namespace luxtorch::testing
