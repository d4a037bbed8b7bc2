// What Conv has beyond its registration: Lux's layout, counts, first values, one sample.
#include "luxtorch/layers/conv.h"

#include <gtest/gtest.h>

#include <cmath>

#include "luxtorch/core/ops.h"
#include "luxtorch/interop/lux_layout.h"
#include "luxtorch/layer_description.h"
#include "luxtorch/layers/containers.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

double element(const Tensor& t, std::initializer_list<int64_t> place) {
  Tensor element = t;
  for (int64_t i : place) element = element[i];
  return element.item<double>();
}

// Lux's kernels have the dimensions (kernel reversed..., in, out), and its Conv flips them.
void expect_in_lux(const Conv& layer, bool flipped) {
  const auto [ps, st] = setup(Rng(3), layer);
  const Tensor ours = ps["weight"].tensor();
  const Tree lux = to_lux(layer, ps, st).first;
  const Tensor theirs = lux["weight"].tensor();
  ASSERT_EQ(theirs.sizes(), (Sizes{4, 3, 2, 5}));
  for (int64_t w = 0; w < 4; ++w)
    for (int64_t h = 0; h < 3; ++h)
      for (int64_t i = 0; i < 2; ++i)
        for (int64_t o = 0; o < 5; ++o)
          EXPECT_EQ(element(theirs, {w, h, i, o}),
                    flipped ? element(ours, {o, i, 2 - h, 3 - w}) : element(ours, {o, i, h, w}));
  EXPECT_SAME(lux["bias"], ps["bias"]);
  EXPECT_SAME(from_lux(layer, lux, st).first, ps);
}

TEST(Conv, InLuxHasReversedDimensionsAndFlippedTaps) {
  expect_in_lux(Conv({3, 4}, 2, 5), true);
  expect_in_lux(Conv({3, 4}, 2, 5, {.cross_correlation = false}), false);
}

TEST(Conv, OfLuxComputesTheSameWithAndWithoutCrossCorrelation) {
  const Conv ours({3, 2}, 2, 3), as_lux({3, 2}, 2, 3, {.cross_correlation = false});
  const auto [ps, st] = setup(Rng(3), ours);
  const Tree lux = to_lux(ours, ps, st).first;
  const Tensor x = random::normal(Rng(1), {4, 2, 5, 5});
  const Tensor y = ours(x, from_lux(ours, lux, st).first, st).first;
  EXPECT_CLOSE(as_lux(x, from_lux(as_lux, lux, st).first, st).first, y, kPlainFloat32);
}

TEST(Conv, OfALuxModelWithCrossCorrelationKeepsTheOrderOfTaps) {
  const LuxOptions options{.cross_correlation = true};
  for (bool flips : {false, true}) {
    const Conv layer({3, 4}, 2, 5, {.cross_correlation = !flips});
    const auto [ps, st] = setup(Rng(3), layer);
    const Tree lux = to_lux(layer, ps, st, options).first;
    const Tensor kernel = ps["weight"].tensor();
    EXPECT_SAME(lux["weight"],
                Tree((flips ? kernel.flip({2, 3}) : kernel).permute({3, 2, 1, 0}).contiguous()));
    EXPECT_SAME(from_lux(layer, lux, st, Rng(0), options).first, ps);
    EXPECT_SAME(from_lux(layer, named({{"ps", lux}, {"st", st}}), Rng(0), options).first, ps);
    EXPECT_FALSE(lux["weight"].tensor().equal(to_lux(layer, ps, st).first["weight"].tensor()));
  }
}

TEST(Conv, StartsAsPyTorchsDoesUnlessItIsToldOtherwise) {
  const Tree ps = setup(Rng(0), Conv({3, 5}, 8, 64, {.groups = 2})).first;
  const double b = 1 / std::sqrt(4. * 15);
  for (const char* name : {"weight", "bias"}) {
    const double most = ps[name].tensor().abs().max().item<double>();
    EXPECT_LE(most, b) << name;
    EXPECT_GT(most, 0.9 * b) << name;
  }
  EXPECT_SAME(
      setup(Rng(0), Conv({1}, 1, 2, {.init_weight = init::ones, .init_bias = init::zeros})).first,
      named({{"weight", ones({2, 1, 1})}, {"bias", zeros({2})}}));
}

TEST(Conv, OfOneSampleIsARowOfTheBatch) {
  const Conv layer({3, 3}, 2, 3, relu, {.pad = 1});
  const auto [ps, st] = setup(Rng(0), layer);
  const Tensor x = random::normal(Rng(1), {4, 2, 5, 4});
  EXPECT_CLOSE(layer(x[1], ps, st).first, layer(x, ps, st).first[1], kPlainFloat32);
}

TEST(Conv, CountsItsFloatingPointOperations) {
  const Conv layer({3, 2}, 4, 6, {.stride = 2, .pad = 1, .groups = 2});
  const auto [ps, st] = setup(Rng(0), layer);
  // 2 batch out (y's height width) (in / groups) kernel
  const int64_t expected = 2 * 5 * 6 * (4 * 4) * 2 * 6;
  EXPECT_EQ(summary(layer, ps, st, zeros({5, 4, 8, 7})).flops, expected);
  EXPECT_EQ(summary(layer, {5, 4, 8, 7}).flops, expected);
}

TEST(Conv, RefusedSaysWhereItIs) {
  const auto model = Chain(field("stem", Conv({3}, 3, 4)), field("head", Conv({3}, 8, 1)));
  const auto [ps, st] = setup(Rng(0), model);
  EXPECT_ERROR(ShapeError, apply(model, zeros({2, 3, 9}), ps, st),
               "[Conv] at head: expected x of shape (batch, 8, time) or (8, time), got (2, 4, 7).");
}

}  // namespace
}  // namespace luxtorch::testing
