#include "luxtorch/ops/upsample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "luxtorch/core/ops.h"
#include "support/compare.h"
#include "support/normal.h"

namespace luxtorch::testing {
namespace {

// Along one dimension, element by element: source(i) of x for the element i of y, between two
// elements or at one.
template <class F>
Tensor along(const Tensor& x, int64_t dim, int64_t size, F source) {
  std::vector<Tensor> rows;
  const int64_t last = x.size(dim) - 1;
  for (int64_t i = 0; i < size; ++i) {
    const double at = std::clamp(source(i), 0.0, static_cast<double>(last));
    const auto low = static_cast<int64_t>(std::floor(at));
    const double weight = at - static_cast<double>(low);
    rows.push_back(x.select(dim, low) * (1 - weight) +
                   x.select(dim, std::min(low + 1, last)) * weight);
  }
  return stack(rows, dim);
}

TEST(Upsample, ByASizeIsItsFormula) {
  const Tensor x = normal(1, {2, 3, 5});
  for (int64_t to : {1, 3, 5, 7, 12}) {
    SCOPED_TRACE(to);
    const double ratio = 5.0 / static_cast<double>(to);
    auto expect = [&](UpsampleMode mode, bool align, auto source) {
      EXPECT_CLOSE(ops::upsample(x, mode, {.size = to, .align_corners = align}),
                   along(x, 2, to, source), kPlainFloat64);
    };
    expect(UpsampleMode::Nearest, false,
           [&](int64_t i) { return std::floor(static_cast<double>(i) * ratio); });
    expect(UpsampleMode::NearestExact, false,
           [&](int64_t i) { return std::floor((static_cast<double>(i) + 0.5) * ratio); });
    expect(UpsampleMode::Linear, false,
           [&](int64_t i) { return (static_cast<double>(i) + 0.5) * ratio - 0.5; });
    expect(UpsampleMode::Linear, true, [&](int64_t i) {
      return to == 1 ? 0.0 : static_cast<double>(i) * 4 / static_cast<double>(to - 1);
    });
  }
}

// The scale itself is used, not the ratio of the sizes: of 3 elements by 2.5 the second is at 0.1, of
// those to 7 it is at 1.5 * 3 / 7 - 0.5.
TEST(Upsample, ByAScaleUsesTheScale) {
  const Tensor x = tensor({0., 1., 2.}).reshape({1, 1, 3}).to(kFloat64);
  auto second = [&](const UpsampleOptions& options) {
    return ops::upsample(x, UpsampleMode::Linear, options)[0][0][1].item<double>();
  };
  EXPECT_EQ(ops::upsample(x, UpsampleMode::Linear, {.scale = 2.5}).sizes(), (Sizes{1, 1, 7}));
  EXPECT_NEAR(second({.scale = 2.5}), 0.1, 1e-12);
  EXPECT_NEAR(second({.size = 7}), 1.5 * 3 / 7 - 0.5, 1e-12);
}

TEST(Upsample, OfSeveralDimensionsIsOneAfterTheOther) {
  const Tensor image = normal(2, {2, 1, 3, 4}), volume = normal(3, {1, 2, 2, 3, 4});
  auto linear = [](const Tensor& x, int64_t dim, int64_t to) {
    const double ratio = static_cast<double>(x.size(dim)) / static_cast<double>(to);
    return along(x, dim, to,
                 [&](int64_t i) { return (static_cast<double>(i) + 0.5) * ratio - 0.5; });
  };
  EXPECT_CLOSE(ops::upsample(image, UpsampleMode::Bilinear, {.size = {5, 2}}),
               linear(linear(image, 2, 5), 3, 2), kPlainFloat64);
  EXPECT_SAME(ops::upsample(image, UpsampleMode::Linear, {.size = {5, 2}}),
              ops::upsample(image, UpsampleMode::Bilinear, {.size = {5, 2}}));
  EXPECT_CLOSE(ops::upsample(volume, UpsampleMode::Trilinear, {.size = {3, 5, 6}}),
               linear(linear(linear(volume, 2, 3), 3, 5), 4, 6), kPlainFloat64);
}

TEST(Upsample, RefusesWhatDoesNotFit) {
  const Tensor x = ones({1, 2, 3, 4});
  EXPECT_ERROR(ArgumentError, ops::upsample(x, UpsampleMode::Nearest, {}),
               "[upsample] expected one of .scale and .size, got neither.");
  EXPECT_ERROR(ArgumentError, ops::upsample(x, UpsampleMode::Nearest, {.scale = 2, .size = 3}),
               "[upsample] expected one of .scale and .size, got both.");
  EXPECT_ERROR(
      ArgumentError, ops::upsample(x, UpsampleMode::Bicubic, {.scale = {2, 2, 2}}),
      "[upsample] expected .scale as one number or a list of 2 for the mode bicubic, got 3 "
      "numbers.");
  EXPECT_ERROR(
      ArgumentError,
      ops::upsample(x, UpsampleMode::NearestExact, {.scale = 2, .align_corners = true}),
      "[upsample] expected .align_corners of a linear mode or Bicubic, got it with the mode "
      "nearest_exact.");
  EXPECT_ERROR(ShapeError, ops::upsample(x, UpsampleMode::Trilinear, {.scale = 2}),
               "[upsample] expected floating-point x of shape (batch, channels, depth, height, "
               "width), got float32 of shape (1, 2, 3, 4).");
  EXPECT_ERROR(ShapeError, ops::upsample(x, UpsampleMode::Nearest, {.scale = 0.2}),
               "[upsample] expected x and y with sizes of at least 1, got 3 and 0 in dimension 2.");
}

// Channel c r^N + i_1 r^(N-1) + ... + i_N is at the place i of each block.
TEST(PixelShuffle, PutsEachChannelAtItsPlaceInTheBlocks) {
  const int64_t r = 2;
  const Tensor sequence = arange(2 * 6 * 3).reshape({2, 6, 3}),
               image = arange(2 * 8 * 3 * 2).reshape({2, 8, 3, 2}),
               volume = arange(16 * 2 * 3 * 1).reshape({1, 16, 2, 3, 1});
  auto strided = [&](const Tensor& t, int64_t dim, int64_t from) {
    return t.slice(dim, from, t.size(dim), r);
  };
  for (const Tensor& x : {sequence, image, volume}) {
    const int64_t dims = x.dim() - 2, block = int64_t{1} << dims;
    const Tensor y = ops::pixel_shuffle(x, r);
    for (int64_t c = 0; c < x.size(1) / block; ++c) {
      for (int64_t i = 0; i < block; ++i) {
        Tensor part = y.select(1, c);
        for (int64_t d = 0; d < dims; ++d) part = strided(part, 1 + d, (i >> (dims - 1 - d)) & 1);
        EXPECT_SAME(part.contiguous(), x.select(1, c * block + i).contiguous());
      }
    }
    EXPECT_SAME(ops::pixel_unshuffle(y, r).contiguous(), x);
  }
  EXPECT_SAME(ops::pixel_shuffle(image, 1), image);
}

TEST(PixelShuffle, RefusesWhatDoesNotFit) {
  EXPECT_ERROR(ArgumentError, ops::pixel_shuffle(ones({1, 4, 2, 2}), 0),
               "[pixel_shuffle] expected r of at least 1, got 0.");
  EXPECT_ERROR(
      ShapeError, ops::pixel_shuffle(ones({1, 6, 2, 2}), 2),
      "[pixel_shuffle] expected channels divisible by 4 = 2^2, got 6 in x of shape (1, 6, 2, "
      "2).");
  EXPECT_ERROR(ShapeError, ops::pixel_shuffle(ones({4, 2}), 2),
               "[pixel_shuffle] expected x of shape (batch, channels, size, ...), got (4, 2).");
  EXPECT_ERROR(ArgumentError, ops::pixel_unshuffle(ones({1, 4, 2, 2}), -1),
               "[pixel_unshuffle] expected r of at least 1, got -1.");
  EXPECT_ERROR(ShapeError, ops::pixel_unshuffle(ones({1, 1, 4, 3}), 2),
               "[pixel_unshuffle] expected x of shape (batch, channels, size, ...) with sizes "
               "divisible by 2, got (1, 1, 4, 3).");
}

}  // namespace
}  // namespace luxtorch::testing
