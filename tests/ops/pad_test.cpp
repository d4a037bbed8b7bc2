#include "luxtorch/ops/pad.h"

#include <gtest/gtest.h>

#include <vector>

#include "luxtorch/autodiff/derivatives.h"
#include "luxtorch/core/ops.h"
#include "support/compare.h"
#include "support/normal.h"

namespace luxtorch::testing {
namespace {

// The place in a size of n that the place i of the padded size shows; -1: outside.
using Place = int64_t (*)(int64_t i, int64_t n);
int64_t nothing(int64_t i, int64_t n) { return i >= 0 && i < n ? i : -1; }
int64_t edge(int64_t i, int64_t n) { return i < 0 ? 0 : i < n ? i : n - 1; }
int64_t mirrored(int64_t i, int64_t n) { return i < 0 ? -i : i < n ? i : 2 * (n - 1) - i; }
int64_t other_end(int64_t i, int64_t n) { return (i + n) % n; }
int64_t mirrored_with_edge(int64_t i, int64_t n) {
  const int64_t in_period = ((i % (2 * n)) + 2 * n) % (2 * n);
  return in_period < n ? in_period : 2 * n - 1 - in_period;
}

// Element by element, along one dimension.
Tensor padded_by_hand(const Tensor& x, int64_t dim, int64_t low, int64_t high, Place place,
                      double value = 0) {
  std::vector<Tensor> rows;
  for (int64_t i = -low; i < x.size(dim) + high; ++i) {
    const int64_t from = place(i, x.size(dim));
    rows.push_back(from < 0 ? x.select(dim, 0) * 0 + value : x.select(dim, from));
  }
  return stack(rows, dim);
}

struct Mode {
  const char* name;
  Tensor (*pad)(const Tensor& x, const luxtorch::Padding& pad);
  Place place;
  int64_t most;  // padding of a size of 4
};
const Mode kModes[] = {{"zeros", ops::pad_zeros, nothing, 7},
                       {"replicate", ops::pad_replicate, edge, 7},
                       {"reflect", ops::pad_reflect, mirrored, 3},
                       {"circular", ops::pad_circular, other_end, 4},
                       {"symmetric", ops::pad_symmetric, mirrored_with_edge, 9}};

TEST(Pads, AreWhatALoopOverPlacesGives) {
  const Tensor sequence = normal(1, {2, 3, 4}), image = normal(2, {2, 1, 4, 5}),
               volume = normal(3, {1, 2, 4, 5, 4});
  for (const auto& mode : kModes) {
    SCOPED_TRACE(mode.name);
    for (int64_t low : {int64_t{0}, int64_t{2}, mode.most}) {
      const int64_t high = mode.most - low;
      auto by_hand = [&](const Tensor& x, int64_t dim, int64_t a, int64_t b) {
        return padded_by_hand(x, dim, a, b, mode.place);
      };
      EXPECT_SAME(mode.pad(sequence, {low, high}), by_hand(sequence, 2, low, high));
      EXPECT_SAME(mode.pad(image, {low, high, 1, 2}),
                  by_hand(by_hand(image, 2, low, high), 3, 1, 2));
      EXPECT_SAME(mode.pad(volume, {low, high, 2, 0, 1, 1}),
                  by_hand(by_hand(by_hand(volume, 2, low, high), 3, 2, 0), 4, 1, 1));
    }
    EXPECT_SAME(mode.pad(image, 2), mode.pad(image, {2, 2, 2, 2}));
    EXPECT_SAME(mode.pad(image, {1, 3}), mode.pad(image, {1, 1, 3, 3}));
  }
  EXPECT_SAME(ops::pad_constant(sequence, {1, 2}, -0.5),
              padded_by_hand(sequence, 2, 1, 2, nothing, -0.5));
}

TEST(PadRepeat, IsPadReplicate) {
  const Tensor x = normal(0, {2, 1, 3}), y = ops::pad_repeat(x, {1, 2});
  EXPECT_SAME(y, ops::pad_replicate(x, {1, 2}));
}

TEST(Pads, OfIntegersAndOfNothingStayWhatTheyAre) {
  const Tensor x = arange(12).reshape({1, 3, 4});
  for (const auto& mode : kModes) {
    SCOPED_TRACE(mode.name);
    EXPECT_SAME(mode.pad(x, 0), x);
    EXPECT_EQ(mode.pad(zeros({0, 3, 4}), 1).sizes(), (Sizes{0, 3, 6}));
  }
  EXPECT_SAME(ops::pad_zeros(x, 1), padded_by_hand(x, 2, 1, 1, nothing).to(kInt64));
}

// The adjoint of a pad adds up what each element was copied to.
TEST(Pads, HaveTheGradientOfEachElementsCopies) {
  const Tensor x = normal(4, {2, 1, 4});
  for (const auto& mode : kModes) {
    SCOPED_TRACE(mode.name);
    const int64_t low = mode.most - 1, high = 1;
    const Tensor by_y = normal(5, {2, 1, 4 + low + high});
    std::vector<Tensor> sums(4, by_y.select(2, 0) * 0);
    for (int64_t i = 0; i < by_y.size(2); ++i) {
      const int64_t from = mode.place(i - low, 4);
      if (from >= 0)
        sums[static_cast<size_t>(from)] = sums[static_cast<size_t>(from)] + by_y.select(2, i);
    }
    auto f = [&](const Tensor& at) { return mode.pad(at, {low, high}); };
    EXPECT_CLOSE(vjp(f, x).pull(by_y), stack(sums, 2), kPlainFloat64);
    EXPECT_CLOSE(jvp(f, x, x).dy, f(x), kPlainFloat64);
  }
}

TEST(Pads, RefuseWhatDoesNotFit) {
  const Tensor x = ones({1, 2, 3, 4});
  EXPECT_ERROR(ArgumentError, ops::pad_zeros(x, -1),
               "[pad_zeros] expected pad of at least 0, got -1.");
  EXPECT_ERROR(ArgumentError, ops::pad_reflect(x, {1, -2}),
               "[pad_reflect] expected pad of at least 0, got (1, -2).");
  EXPECT_ERROR(ArgumentError, ops::pad_constant(x, SamePad{}),
               "[pad_constant] expected pad as numbers, got SamePad, which needs a kernel.");
  EXPECT_ERROR(ShapeError, ops::pad_replicate(ones({3, 4}), 1),
               "[pad_replicate] expected x of shape (batch, channels, 1 to 3 sizes), got (3, 4).");
  EXPECT_ERROR(ShapeError, ops::pad_symmetric(x, {1, 2, 3}),
               "[pad_symmetric] expected x of shape (batch, channels, ...) with one or two of the "
               "numbers (1, 2, 3) for each further dimension, got (1, 2, 3, 4).");
  EXPECT_ERROR(
      ShapeError, ops::pad_reflect(x, 3),
      "[pad_reflect] expected x of at least 4 in dimension 2 for a padding of (3, 3) in the "
      "mode reflect, got 3 of shape (1, 2, 3, 4).");
  EXPECT_ERROR(
      ShapeError, ops::pad_circular(x, {0, 0, 5, 0}),
      "[pad_circular] expected x of at least 5 in dimension 3 for a padding of (5, 0) in the "
      "mode circular, got 4 of shape (1, 2, 3, 4).");
}

}  // namespace
}  // namespace luxtorch::testing
