// What the losses of several inputs refuse; their numbers are in weighted_losses_test.cpp.
#include "luxtorch/losses/several.h"

#include <gmock/gmock.h>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/losses/ctc.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

using Integers = std::vector<int64_t>;

TEST(GaussianNLL, RefusesOtherVariances) {
  const Tensor x = ones({4, 3});
  EXPECT_ERROR(
      ShapeError, GaussianNLLLoss{}(x, x, ones({2, 3})),
      "[GaussianNLLLoss] expected a float32 variance that broadcasts to y_hat (4, 3) on cpu, "
      "got a float32 tensor of shape (2, 3) on cpu.");
  EXPECT_THROW(GaussianNLLLoss{}(x, x, ones({4, 3}, {.dtype = kFloat64})), ShapeError);
  EXPECT_THROW(GaussianNLLLoss{}(x, x, Tensor()), ShapeError);
  EXPECT_ERROR(
      ArgumentError, GaussianNLLLoss{}(x, x, full({4, 1}, -0.5)),
      "[GaussianNLLLoss] expected variances of at least 0, got -0.5. Make them positive with "
      "softplus or exp.");
  EXPECT_ERROR(ArgumentError, GaussianNLLLoss{.epsilon = 0}(x, x, x),
               "[GaussianNLLLoss] expected epsilon > 0, got 0.");
}

TEST(CosineEmbedding, RefusesOtherShapes) {
  const Tensor x = ones({4, 3}), y = ones({4});
  EXPECT_ERROR(
      ShapeError, CosineEmbeddingLoss{}(x, ones({4, 2}), y),
      "[CosineEmbeddingLoss] expected x1 and x2 of one shape, dtype and device, got a float32 "
      "tensor of shape (4, 3) on cpu and a float32 tensor of shape (4, 2) on cpu.");
  EXPECT_ERROR(
      ShapeError, CosineEmbeddingLoss{}(x, x, ones({3})),
      "[CosineEmbeddingLoss] expected y of shape (4,) on cpu, got a float32 tensor of shape "
      "(3,) on cpu.");
  EXPECT_THROW(CosineEmbeddingLoss{}(ones({}), ones({}), y), ShapeError);
  EXPECT_THROW(CosineEmbeddingLoss{}(ones({0, 3}), ones({0, 3}), ones({0})), ShapeError);
}

TEST(CosineEmbedding, OfZerosIsFinite) {
  const Tensor x = zeros({2, 3}), y = tensor(Integers{1, -1});
  auto [value, grads] =
      value_and_grad([&](const Tree& t) { return CosineEmbeddingLoss{}(t.tensor(), x + 1, y); }, x);
  EXPECT_TRUE(value.isfinite().item<bool>());
  EXPECT_TRUE(grads.tensor().isfinite().all().item<bool>());
}

TEST(CosineEmbedding, OfHalvesDoesNotOverflow) {
  const Tensor x = full({1, 100}, 30, {.dtype = Dtype::Half}), zero = x * 0;
  EXPECT_CLOSE(CosineEmbeddingLoss{}(x, x, ones({1})).to(kFloat32), zeros({}), 1e-3);
  EXPECT_CLOSE(CosineEmbeddingLoss{}(x, zero, ones({1})).to(kFloat32), ones({}), 1e-3);
  EXPECT_EQ(CosineEmbeddingLoss{}(x, x, ones({1})).scalar_type(), Dtype::Half);
}

TEST(GaussianNLL, OfAnInfiniteVarianceIsInfinite) {
  const Tensor loss = GaussianNLLLoss{}(zeros({1}), ones({1}), full({1}, INFINITY));
  EXPECT_EQ(loss.item<double>(), INFINITY);
}

TEST(TripletMargin, RefusesOtherShapesAndOptions) {
  const Tensor x = ones({4, 3});
  EXPECT_ERROR(
      ShapeError, TripletMarginLoss{}(x, x, ones({4})),
      "[TripletMarginLoss] expected anchor and negative of one shape, dtype and device, got a "
      "float32 tensor of shape (4, 3) on cpu and a float32 tensor of shape (4,) on cpu.");
  EXPECT_ERROR(ArgumentError, TripletMarginLoss{.margin = 0}(x, x, x),
               "[TripletMarginLoss] expected margin > 0, got 0.");
  EXPECT_ERROR(ArgumentError, TripletMarginLoss{.p = -1}(x, x, x),
               "[TripletMarginLoss] expected p > 0, got -1.");
}

TEST(CTC, RefusesWhatIsNoLabelOrLength) {
  const Tensor y_hat = zeros({5, 2, 4}), y = tensor(Integers{1, 2, 3, 1}).reshape({2, 2});
  const Tensor five = tensor(Integers{5, 5}), two = tensor(Integers{2, 2});
  EXPECT_ERROR(ShapeError, CTCLoss{}(zeros({5, 4}), y, five, two),
               "[CTCLoss] expected y_hat (time, batch, classes), got (5, 4).");
  EXPECT_ERROR(
      ShapeError, CTCLoss{}(y_hat, y.flatten(), five, two),
      "[CTCLoss] expected labels y of integers (batch, longest) on cpu, got an int64 tensor "
      "of shape (4,).");
  EXPECT_ERROR(
      ShapeError, CTCLoss{}(y_hat, y, five.to(kFloat32), two),
      "[CTCLoss] expected lengths of integers (batch) on cpu, got a float32 tensor of shape "
      "(2,).");
  EXPECT_THROW(CTCLoss{}(y_hat, y, five, Tensor()), ShapeError);
  EXPECT_ERROR(ArgumentError, CTCLoss{}(y_hat, y, five + 1, two),
               "[CTCLoss] expected lengths from 1 to 5, got 6.");
  EXPECT_ERROR(ArgumentError, CTCLoss{}(y_hat, y, five, two + 1),
               "[CTCLoss] expected label_lengths from 0 to 2, got 3.");
  EXPECT_ERROR(ArgumentError, CTCLoss{.blank = 4}(y_hat, y, five, two),
               "[CTCLoss] expected blank in [0, 4), got 4.");
  EXPECT_ERROR(ArgumentError, CTCLoss{}(y_hat, y + 1, five, two),
               "[CTCLoss] expected labels in [0, 4) without the blank 0, got 4.");
  EXPECT_ERROR(ArgumentError, CTCLoss{.blank = 2}(y_hat, y, five, two),
               "[CTCLoss] expected labels in [0, 4) without the blank 2, got 2.");
}

TEST(CTC, OfHalvesIsComputedInFloats) {
  const Tensor y_hat = random::normal(Rng(0), {5, 2, 4}),
               y = tensor(Integers{1, 2, 3, 3}).reshape({2, 2}), lengths = tensor(Integers{5, 4}),
               label_lengths = tensor(Integers{2, 1});
  const Tensor wanted = CTCLoss{}(y_hat, y, lengths, label_lengths);
  for (Dtype dtype : {Dtype::Half, Dtype::BFloat16}) {
    auto loss = [&](const Tree& x) { return CTCLoss{}(x.tensor(), y, lengths, label_lengths); };
    const auto [value, slopes] = value_and_grad(loss, y_hat.to(dtype));
    const Tensor slope = slopes.tensor();
    EXPECT_EQ(value.scalar_type(), dtype);
    EXPECT_CLOSE(value.to(kFloat32), wanted, 2e-2);
    EXPECT_EQ(slope.scalar_type(), dtype);
    EXPECT_TRUE(slope.isfinite().all().item<bool>());
  }
}

TEST(CTC, OfNoSequencesIsTheSumOfNothing) {
  const Tensor y_hat = zeros({5, 0, 4}), y = zeros({0, 3}, {.dtype = kInt64}),
               none = zeros({0}, {.dtype = kInt64});
  EXPECT_EQ(CTCLoss{.agg = Agg::sum}(y_hat, y, none, none).item<double>(), 0);
  EXPECT_EQ(CTCLoss{.agg = Agg::none}(y_hat, y, none, none).sizes(), ShapeView({0}));
}

// Four equal labels need seven steps.
TEST(CTC, OfTooFewStepsIsInfiniteWithoutAGradient) {
  const Tensor y_hat = random::normal(Rng(0), {5, 1, 3}), y = ones({1, 4}, {.dtype = kInt64}),
               lengths = tensor(Integers{5}), label_lengths = tensor(Integers{4});
  for (bool zero_infinity : {false, true}) {
    const CTCLoss ctc{.zero_infinity = zero_infinity, .agg = Agg::sum};
    auto loss = [&](const Tree& x) { return ctc(x.tensor(), y, lengths, label_lengths); };
    const auto [value, slope] = value_and_grad(loss, y_hat);
    EXPECT_EQ(value.item<double>(), zero_infinity ? 0 : INFINITY);
    EXPECT_SAME(slope, zeros({5, 1, 3}));
  }
}

TEST(CTC, DoesNotReadLabelsBeyondTheirLengths) {
  const Tensor y_hat = random::normal(Rng(0), {5, 2, 4}), five = tensor(Integers{5, 4});
  const Tensor y = tensor(Integers{1, 2, 3, 1}).reshape({2, 2}), short_ = tensor(Integers{2, 1});
  const Tensor other = tensor(Integers{1, 2, 3, -77}).reshape({2, 2});
  EXPECT_SAME(CTCLoss{}(y_hat, other, five, short_), CTCLoss{}(y_hat, y, five, short_));
}

}  // namespace
}  // namespace luxtorch::testing
