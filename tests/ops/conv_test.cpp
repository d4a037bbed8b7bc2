#include "luxtorch/ops/conv.h"

#include <gtest/gtest.h>

#include "luxtorch/core/ops.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

Tensor given(uint64_t seed, const Sizes& shape) {
  return random::normal(Rng(seed), shape, 0, 1, kFloat64);
}

double element_of(const Tensor& t, std::initializer_list<int64_t> place) {
  Tensor element = t;
  for (int64_t i : place) element = element[i];
  return element.item<double>();
}

// The element of x's one sample, or what padding with zeros puts there.
double at_or_zero(const Tensor& x, int64_t channel, int64_t i, int64_t j) {
  if (i < 0 || j < 0 || i >= x.size(1) || j >= x.size(2)) return 0;
  return element_of(x, {channel, i, j});
}

TEST(Conv, IsItsFormula) {
  const Tensor x = given(0, {4, 6, 7}), weight = given(1, {6, 2, 3, 2}), bias = given(2, {6});
  const Tensor y = ops::conv(
      x, weight, bias, {.stride = {2, 1}, .pad = {1, 0, 2, 1}, .dilation = {1, 2}, .groups = 2});
  ASSERT_EQ(y.sizes(), (Sizes{6, 3, 8}));
  for (int64_t o = 0; o < 6; ++o) {
    for (int64_t p = 0; p < 3; ++p) {
      for (int64_t q = 0; q < 8; ++q) {
        double sum = element_of(bias, {o});
        for (int64_t c = 0; c < 2; ++c)
          for (int64_t k = 0; k < 3; ++k)
            for (int64_t l = 0; l < 2; ++l)
              sum += element_of(weight, {o, c, k, l}) *
                     at_or_zero(x, o / 3 * 2 + c, 2 * p + k - 1, q + 2 * l - 2);
        ASSERT_NEAR(element_of(y, {o, p, q}), sum, 1e-12) << o << p << q;
      }
    }
  }
}

TEST(Conv, WithoutCrossCorrelationFlipsTheKernel) {
  const Tensor x = tensor({1.0, 0.0, 0.0, 2.0}).reshape({1, 4}),
               weight = tensor({1.0, 2.0, 3.0}).reshape({1, 1, 3});
  EXPECT_SAME(ops::conv(x, weight, {}, {.pad = 1}), tensor({2.0, 1.0, 6.0, 4.0}).reshape({1, 4}));
  EXPECT_SAME(ops::conv(x, weight, {}, {.pad = 1, .cross_correlation = false}),
              tensor({2.0, 3.0, 2.0, 4.0}).reshape({1, 4}));
}

TEST(Conv, PadsInEveryMode) {
  const Tensor x = tensor({1.0, 2.0, 3.0}).reshape({1, 1, 3}), weight = ones({1, 1, 1});
  auto row = [&](PadMode mode, luxtorch::Padding pad) {
    return ops::conv(x, weight, {}, {.pad = std::move(pad), .pad_mode = mode}).flatten();
  };
  EXPECT_SAME(row(PadMode::Zeros, {1, 2}), tensor({0.0, 1.0, 2.0, 3.0, 0.0, 0.0}));
  EXPECT_SAME(row(PadMode::Reflect, {1, 2}), tensor({2.0, 1.0, 2.0, 3.0, 2.0, 1.0}));
  EXPECT_SAME(row(PadMode::Replicate, {1, 2}), tensor({1.0, 1.0, 2.0, 3.0, 3.0, 3.0}));
  EXPECT_SAME(row(PadMode::Circular, {1, 2}), tensor({3.0, 1.0, 2.0, 3.0, 1.0, 2.0}));
  EXPECT_SAME(row(PadMode::Symmetric, {1, 2}), tensor({1.0, 1.0, 2.0, 3.0, 3.0, 2.0}));
  EXPECT_SAME(row(PadMode::Symmetric, {4, 0}), tensor({3.0, 3.0, 2.0, 1.0, 1.0, 2.0, 3.0}));
}

TEST(Conv, WithSamePadKeepsTheSize) {
  const Tensor x = tensor({1.0, 2.0, 3.0}).reshape({1, 3}), weight = ones({1, 1, 2});
  EXPECT_SAME(ops::conv(x, weight, {}, {.pad = SamePad{}}).flatten(), tensor({3.0, 5.0, 3.0}));
  EXPECT_SAME(ops::conv(x, weight, {}, {.pad = SamePad{.extra_in_front = true}}).flatten(),
              tensor({1.0, 3.0, 5.0}));
  for (int64_t stride : {1, 2, 3}) {
    const Tensor y = ops::conv(given(0, {1, 7, 8}), given(1, {1, 1, 3, 4}), {},
                               {.stride = stride, .pad = SamePad{}, .dilation = 2});
    EXPECT_EQ(y.sizes(), (Sizes{1, (7 + stride - 1) / stride, (8 + stride - 1) / stride}));
  }
}

TEST(Conv, OfMetaTensorsHasTheirShapeAndDtype) {
  for (auto mode : {PadMode::Zeros, PadMode::Reflect, PadMode::Replicate, PadMode::Circular,
                    PadMode::Symmetric}) {
    for (size_t dims : {1, 2, 3}) {
      Sizes shape{2, 3}, kernel{4, 3};
      for (size_t i = 0; i < dims; ++i) {
        shape.push_back(static_cast<int64_t>(6 + i)), kernel.push_back(3);
      }
      const Tensor x = given(0, shape), weight = given(1, kernel);
      const ops::ConvOptions options{.stride = 2, .pad = SamePad{}, .pad_mode = mode};
      const c10::Device meta("meta");
      const Tensor y = ops::conv(x.to(meta), weight.to(meta), {}, options);
      EXPECT_TRUE(y.is_meta());
      EXPECT_EQ(y.sizes(), ops::conv(x, weight, {}, options).sizes());
      EXPECT_EQ(y.scalar_type(), kFloat64);
    }
  }
}

TEST(Conv, KeepsChannelsLast) {
  const Tensor x = given(0, {2, 4, 6, 5}).contiguous(c10::MemoryFormat::ChannelsLast);
  EXPECT_TRUE(ops::conv(x, given(1, {8, 4, 3, 3})).is_contiguous(c10::MemoryFormat::ChannelsLast));
}

TEST(Conv, RefusesTensorsThatDoNotFit) {
  const Tensor x = given(0, {2, 3, 5}), weight = given(1, {4, 3, 3});
  EXPECT_ERROR(
      ShapeError, ops::conv(x, given(1, {4, 3})),
      "[ops::conv] expected weight with 1 to 3 spatial dimensions behind 2 of channels, got "
      "(4, 3).");
  EXPECT_ERROR(ShapeError, ops::conv(x, given(1, {4, 2, 3})),
               "[ops::conv] expected x of shape (batch, 2, time) or (2, time), got (2, 3, 5).");
  EXPECT_ERROR(ShapeError, ops::conv(x, weight, given(2, {3})),
               "[ops::conv] expected bias of shape (4,), got (3,).");
  EXPECT_ERROR(
      ShapeError, ops::conv(x, weight, {}, {.pad = {0, 1}, .dilation = 3}),
      "[ops::conv] expected a padded size of at least 7 in dimension 2, for a kernel of 3 with "
      "dilation 3, got 6: x of shape (2, 3, 5) with padding (0, 1).");
  EXPECT_ERROR(ArgumentError, ops::conv(given(0, {2, 9, 5}), weight, {}, {.groups = 3}),
               "[ops::conv] expected out_channels divisible by .groups, got 4 out_channels and 3 "
               "groups.");
  EXPECT_ERROR(ArgumentError, ops::conv(x, weight, {}, {.stride = {1, 2}}),
               "[ops::conv] expected .stride as one number or a list of 1, got (1, 2).");
  EXPECT_ERROR(ArgumentError, ops::conv(x, weight, {}, {.groups = 0}),
               "[ops::conv] expected .groups of at least 1, got 0.");
}

TEST(Conv, RefusesWeightAndBiasOfAnotherDtypeOrDevice) {
  const Tensor x = given(0, {2, 3, 5}), weight = given(1, {3, 3, 2}), bias = given(2, {3});
  const Tensor far = bias.to(c10::Device("meta"));
  EXPECT_ERROR(ShapeError, ops::conv(x.to(kFloat32), weight),
               "[ops::conv] expected weight of x's dtype float32 on cpu, got float64 on cpu.");
  EXPECT_ERROR(ShapeError, ops::conv(x, weight, bias.to(kFloat32)),
               "[ops::conv] expected bias of x's dtype float64 on cpu, got float32 on cpu.");
  EXPECT_ERROR(ShapeError, ops::conv(x, weight, far),
               "[ops::conv] expected bias of x's dtype float64 on cpu, got float64 on meta.");
  EXPECT_ERROR(ShapeError, ops::conv_transpose(x, weight.to(kFloat32)),
               "[ops::conv_transpose] expected weight of x's dtype float64 on cpu, got float32 on "
               "cpu.");
  EXPECT_ERROR(ShapeError, ops::conv_transpose(x, weight, far),
               "[ops::conv_transpose] expected bias of x's dtype float64 on cpu, got float64 on "
               "meta.");
}

TEST(Conv, RefusesPaddingThatItsModeDoesNotHave) {
  const Tensor x = given(0, {2, 1, 3}), weight = given(1, {1, 1, 3});
  auto of = [&](PadMode mode, int64_t pad) {
    return ops::conv(x, weight, {}, {.pad = pad, .pad_mode = mode});
  };
  EXPECT_ERROR(
      ShapeError, of(PadMode::Reflect, 3),
      "[ops::conv] expected x of at least 4 in dimension 2 for a padding of (3, 3) in the mode "
      "reflect, got 3 of shape (2, 1, 3).");
  EXPECT_ERROR(
      ShapeError, of(PadMode::Circular, 4),
      "[ops::conv] expected x of at least 4 in dimension 2 for a padding of (4, 4) in the mode "
      "circular, got 3 of shape (2, 1, 3).");
  EXPECT_EQ(of(PadMode::Circular, 3).size(2), 7);
  EXPECT_EQ(of(PadMode::Replicate, 9).size(2), 19);
  EXPECT_EQ(of(PadMode::Symmetric, 9).size(2), 19);
}

}  // namespace
}  // namespace luxtorch::testing
