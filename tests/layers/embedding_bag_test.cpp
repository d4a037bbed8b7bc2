// What EmbeddingBag needs beside its result, and bags that are all empty.
#include "luxtorch/layers/embedding_bag.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "support/allocations.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

TEST(EmbeddingBag, HoldsNoTensorOfAllRowsInTraining) {
  constexpr int64_t kBags = 4, kTokens = 1000, kDims = 64;
  const Tensor tokens = random::integers(Rng(1), {kBags, kTokens}, 0, 10),
               lengths = tensor({1000, 0, 1, 700});
  for (auto mode : {BagMode::Sum, BagMode::Mean, BagMode::Max}) {
    const EmbeddingBag layer(10, kDims, {.mode = mode});
    const auto [ps, st] = setup(Rng(0), layer);
    for (const Tree& x : {Tree(tokens), tuple({tokens, lengths})}) {
      size_t largest = 0;
      const WatchedAllocations watched([&](size_t bytes) { largest = std::max(largest, bytes); });
      (void)value_and_grad(
          [&, &st = st](const Tree& ps) { return apply<Tensor>(layer, x, ps, st).first.sum(); },
          ps);
      // As the tokens and their places: all rows take 32 times as much as the tokens.
      EXPECT_LE(largest, 2 * kBags * kTokens * sizeof(int64_t));
    }
  }
}

TEST(EmbeddingBag, OfEmptyBagsAloneIsZeroAndHasNoGradient) {
  const Tensor tokens = zeros({2, 3}, {.dtype = kInt64}), lengths = tensor({0, 0});
  for (auto mode : {BagMode::Sum, BagMode::Mean, BagMode::Max}) {
    const EmbeddingBag layer(4, 2, {.mode = mode});
    const auto [ps, st] = setup(Rng(0), layer);
    const auto got = value_and_grad(
        [&, &st = st](const Tree& ps) {
          const auto y = apply<Tensor>(layer, tuple({tokens, lengths}), ps, st).first;
          return std::pair{(y + 1).square().sum(), Tree(y)};
        },
        ps);
    EXPECT_SAME(got.aux, Tree(zeros({2, 2})));
    EXPECT_SAME(got.grads["weight"], Tree(zeros({4, 2})));
  }
}

}  // namespace
}  // namespace luxtorch::testing
