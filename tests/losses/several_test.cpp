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

TEST(CTC, DoesNotReadLabelsBeyondTheirLengths) {
  const Tensor y_hat = random::normal(Rng(0), {5, 2, 4}), five = tensor(Integers{5, 4});
  const Tensor y = tensor(Integers{1, 2, 3, 1}).reshape({2, 2}), short_ = tensor(Integers{2, 1});
  const Tensor other = tensor(Integers{1, 2, 3, -77}).reshape({2, 2});
  EXPECT_SAME(CTCLoss{}(y_hat, other, five, short_), CTCLoss{}(y_hat, y, five, short_));
}

}  // namespace
}  // namespace luxtorch::testing
