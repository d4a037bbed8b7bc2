#include "luxtorch/layers/norm.h"

#include <gtest/gtest.h>

#include "luxtorch/core/ops.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

TEST(BatchNorm, GivesEachChannelMeanZeroAndVarianceOneInTraining) {
  BatchNorm layer(3);
  auto [ps, st] = setup(Rng(0), layer);
  auto y = layer(random::normal(Rng(1), {50, 3, 4}, 5, 3), ps, st).first.transpose(0, 1).flatten(1);
  EXPECT_LT(y.mean(1).abs().max().item<double>(), 1e-5);
  EXPECT_CLOSE(y.square().mean(1), ones({3}), 1e-4);
}

TEST(BatchNorm, KeepsRunningStatisticsWithTheUnbiasedVariance) {
  BatchNorm layer(1, {.momentum = 0.25});
  auto [ps, st] = setup(Rng(0), layer);
  auto st2 = layer(tensor({1., 2., 3., 6.}).reshape({4, 1}), ps, st).second;
  EXPECT_CLOSE(st2["running_mean"].tensor(), tensor({0.75}), 1e-6);  // 0.25 * 3
  EXPECT_CLOSE(st2["running_var"].tensor(), tensor({0.75 + 0.25 * 14 / 3}), 1e-6);
  EXPECT_TRUE(st2["training"].scalar<bool>());
}

TEST(BatchNorm, UsesAndKeepsTheRunningStatisticsInTestMode) {
  BatchNorm layer(2, {.epsilon = 0});
  auto ps = named({{"scale", tensor({1., 10.})}, {"bias", tensor({0., 1.})}});
  auto st = named({{"running_mean", tensor({1., 2.})},
                   {"running_var", tensor({4., 16.})},
                   {"training", false}});
  auto [y, st2] = layer(tensor({3., 6.}).reshape({1, 2}), ps, st);
  EXPECT_CLOSE(y, tensor({1., 11.}).reshape({1, 2}), 1e-6);
  EXPECT_SAME(st2, st);
}

TEST(BatchNorm, KeepsStatesThatItDoesNotKnow) {
  BatchNorm layer(2);
  auto [ps, st] = setup(Rng(0), layer);
  auto st2 = layer(random::normal(Rng(1), {4, 2}), ps, st.with("note", "mine")).second;
  EXPECT_EQ(st2["note"].scalar<std::string>(), "mine");
}

TEST(BatchNorm, StartsFromWhatItsInitialisersGive) {
  auto [ps, st] =
      setup(Rng(0),
            BatchNorm(2, relu, {.init_bias = init::Constant{3}, .init_scale = init::Constant{5}}));
  EXPECT_SAME(ps, named({{"scale", full({2}, 5)}, {"bias", full({2}, 3)}}));
  EXPECT_SAME(
      st, named({{"running_mean", zeros({2})}, {"running_var", ones({2})}, {"training", true}}));
  auto plain = BatchNorm(2, {.init_scale = [](Rng, Shape) { return ones({3}); }});
  EXPECT_ERROR(ShapeError, setup(Rng(0), plain),
               "[BatchNorm] expected the initialiser of scale to give (2,), got (3,).");
}

TEST(BatchNorm, SaysItsSizeAndOptions) {
  EXPECT_EQ(BatchNorm(3).label(), "BatchNorm(3)");
  EXPECT_EQ(BatchNorm(3, relu, {.affine = false, .track_stats = false}).label(),
            "BatchNorm(3, relu, affine=false, track_stats=false)");
}

TEST(BatchNorm, RefusesOneValuePerChannelWhereItNeedsABatch) {
  BatchNorm layer(3);
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_ERROR(ShapeError, apply(layer, ones({1, 3}), ps, st),
               "[BatchNorm] expected more than one value per channel in training, got x of shape "
               "(1, 3). Use larger batches, or testmode(st).");
  EXPECT_NO_THROW(apply(layer, ones({1, 3}), ps, testmode(st)));
  EXPECT_NO_THROW(apply(layer, ones({1, 3, 2}), ps, st));
  BatchNorm untracked(3, {.track_stats = false});
  EXPECT_ERROR(ShapeError, apply(untracked, ones({1, 3}), ps, named({{"training", false}})),
               "[BatchNorm] expected more than one value per channel, got x of shape (1, 3). Use "
               "larger batches.");
}

TEST(BatchNorm, RefusesInputsOfAnotherSizeRankOrDtype) {
  BatchNorm layer(3);
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_ERROR(ShapeError, apply(layer, ones({3}), ps, st),
               "[BatchNorm] expected x of shape (batch, 3, ...), got (3,).");
  EXPECT_ERROR(ShapeError, apply(layer, ones({4, 2}), ps, st),
               "[BatchNorm] expected x of shape (batch, 3, ...), got (4, 2).");
  auto x = ones({4, 3}, {.dtype = kFloat64});
  EXPECT_ERROR(ShapeError, apply(layer, x, ps, st),
               "[BatchNorm] expected x of dtype float32 like the parameters, got float64. Convert "
               "one of them: x.to(...) or tree::to(ps, ...).");
  EXPECT_ERROR(ShapeError, apply(layer, x, tree::to(ps, kFloat64), st),
               "[BatchNorm] expected x of dtype float32 on cpu like the states, got float64 on "
               "cpu. Move or convert the states too: tree::to(st, ...).");
}

TEST(BatchNorm, RefusesOptionsOutsideTheirRange) {
  EXPECT_ERROR(ArgumentError, BatchNorm(0), "[BatchNorm] expected channels of at least 1, got 0.");
  EXPECT_ERROR(ArgumentError, BatchNorm(3, {.momentum = 1.5}),
               "[BatchNorm] expected .momentum from 0 to 1, got 1.5.");
  EXPECT_ERROR(ArgumentError, BatchNorm(3, {.epsilon = -1}),
               "[BatchNorm] expected .epsilon of at least 0, got -1.");
}

TEST(BatchNorm, OfHalfPrecisionComputesInFloat32) {
  BatchNorm layer(3, tanh);
  auto [ps, st] = setup(Rng(0), layer);
  for (auto dtype : {kFloat16, kBFloat16}) {
    const Tensor x = random::normal(Rng(1), {4, 3, 5}, 3).to(dtype);
    for (const Tree& states : {st, testmode(st)}) {
      auto [y, st2] = BatchNorm(3)(x, ps, states);
      auto [wide, st_wide] = BatchNorm(3)(x.to(kFloat32), ps, states);
      EXPECT_SAME(y, wide.to(dtype));
      EXPECT_SAME(st2, st_wide);
      EXPECT_SAME(layer(x, ps, states).first, wide.to(dtype).tanh());
    }
  }
}

TEST(InstanceNorm, KeepsRunningStatisticsThatABatchOfNoRowsLeavesAsTheyAre) {
  InstanceNorm layer(1, {.track_stats = true, .momentum = 0.25});
  auto [ps, st] = setup(Rng(0), layer);
  auto st2 = layer(tensor({1., 2., 3., 5., 5., 5.}).reshape({2, 1, 3}), ps, st).second;
  EXPECT_CLOSE(st2["running_mean"].tensor(), tensor({0.25 * 3.5}), 1e-6);        // of 2 and 5
  EXPECT_CLOSE(st2["running_var"].tensor(), tensor({0.75 + 0.25 * 0.5}), 1e-6);  // of 1 and 0
  EXPECT_SAME(layer(zeros({0, 1, 3}), ps, st2).second, st2);
}

TEST(InstanceNorm, OfHalfPrecisionComputesInFloat32) {
  InstanceNorm layer(3, {.affine = true, .track_stats = true});
  auto [ps, st] = setup(Rng(0), layer);
  for (auto dtype : {Dtype::Half, Dtype::BFloat16}) {
    const Tensor x = random::normal(Rng(1), {2, 3, 5}).to(dtype);
    for (const Tree& states : {st, testmode(st)}) {
      auto [y, st2] = layer(x, ps, states);
      auto [wide, st_wide] = layer(x.to(kFloat32), ps, states);
      EXPECT_SAME(y, wide.to(dtype));
      EXPECT_SAME(st2, st_wide);
    }
  }
}

}  // namespace
}  // namespace luxtorch::testing
