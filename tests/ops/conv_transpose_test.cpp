#include <gtest/gtest.h>

#include "luxtorch/autodiff/derivatives.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/ops/conv.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

Tensor numbers(uint64_t seed, const Sizes& shape) {
  return random::normal(Rng(seed), shape, 0, 1, kFloat64);
}

TEST(ConvTranspose, IsTheAdjointOfConv) {
  const Tensor weight = numbers(0, {4, 3, 3, 2}), x = numbers(1, {2, 6, 7, 8});
  const ops::ConvOptions forward{
      .stride = {2, 3}, .pad = {1, 0, 2, 1}, .dilation = {1, 2}, .groups = 2};
  const Tensor y = ops::conv(x, weight, {}, forward), dy = numbers(2, y.sizes().vec());
  // (7 + 1 - 2 - 1) and (8 + 3 - 2 - 1) leave rests of 1 and 2 at these strides.
  const Tensor back = ops::conv_transpose(
      dy, weight, {},
      {.stride = {2, 3}, .pad = {1, 0, 2, 1}, .outpad = {1, 2}, .dilation = {1, 2}, .groups = 2});
  EXPECT_CLOSE(back,
               vjp([&](const Tensor& t) { return ops::conv(t, weight, {}, forward); }, x).pull(dy),
               1e-14);
}

TEST(ConvTranspose, SpreadsTheKernelFromEachElement) {
  const Tensor x = tensor({1.0, 10.0}).reshape({1, 2}),
               weight = tensor({1.0, 2.0, 3.0}).reshape({1, 1, 3});
  auto row = [&](const ops::ConvTransposeOptions& options) {
    return ops::conv_transpose(x, weight, full({1}, 0.5), options).flatten();
  };
  EXPECT_SAME(row({}), tensor({1.5, 12.5, 23.5, 30.5}));
  EXPECT_SAME(row({.cross_correlation = false}), tensor({3.5, 32.5, 21.5, 10.5}));
  EXPECT_SAME(row({.stride = 3}), tensor({1.5, 2.5, 3.5, 10.5, 20.5, 30.5}));
  EXPECT_SAME(row({.pad = 1}), tensor({12.5, 23.5}));
  EXPECT_SAME(row({.pad = {1, 0}}), tensor({12.5, 23.5, 30.5}));
  EXPECT_SAME(row({.pad = {1, 0}, .outpad = 2}), tensor({12.5, 23.5, 30.5, 0.5, 0.5}));
  EXPECT_SAME(row({.pad = {5, 0}, .outpad = 3}), tensor({0.5, 0.5}));
}

TEST(ConvTranspose, WithSamePadMultipliesTheSizeByTheStride) {
  for (auto [kernel, stride] : {std::pair{3, 1}, {3, 2}, {4, 2}, {5, 3}, {2, 2}}) {
    const Tensor y = ops::conv_transpose(numbers(0, {1, 4}), numbers(1, {1, 1, kernel}), {},
                                         {.stride = stride, .pad = SamePad{}});
    EXPECT_EQ(y.size(1), 4 * stride) << kernel << " by " << stride;
  }
}

TEST(ConvTranspose, OfMetaTensorsHasTheirShapeAndDtype) {
  const Tensor x = numbers(0, {2, 4, 5, 6}), weight = numbers(1, {4, 3, 3, 2}),
               bias = numbers(2, {6});
  const c10::Device meta("meta");
  for (const auto& pad : {luxtorch::Padding(1), luxtorch::Padding({1, 0, 0, 2})}) {
    const ops::ConvTransposeOptions options{.stride = 2, .pad = pad, .outpad = 1, .groups = 2};
    const Tensor y = ops::conv_transpose(x.to(meta), weight.to(meta), bias.to(meta), options);
    EXPECT_TRUE(y.is_meta());
    EXPECT_EQ(y.sizes(), ops::conv_transpose(x, weight, bias, options).sizes());
    EXPECT_EQ(y.scalar_type(), kFloat64);
  }
}

TEST(ConvTranspose, RefusesTensorsThatDoNotFit) {
  EXPECT_ERROR(
      ShapeError, ops::conv_transpose(numbers(0, {2, 3, 5}), numbers(1, {4, 3, 3})),
      "[ops::conv_transpose] expected x of shape (batch, 4, time) or (4, time), got (2, 3, "
      "5).");
  EXPECT_ERROR(ShapeError,
               ops::conv_transpose(numbers(0, {2, 4, 5}), numbers(1, {4, 3, 3}), numbers(2, {4})),
               "[ops::conv_transpose] expected bias of shape (3,), got (4,).");
}

}  // namespace
}  // namespace luxtorch::testing
