#include "luxtorch/layers/dropout.h"

#include <gtest/gtest.h>

#include "luxtorch/core/functions.h"
#include "luxtorch/core/ops.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

TEST(Dropout, DropsTheShareItIsToldAndScalesTheRestUp) {
  Dropout layer(0.3);
  auto st = setup(Rng(1), layer).second;
  auto x = full({200, 500}, 2.0);
  auto y = layer(x, {}, st).first;
  auto dropped = (y == 0).to(kFloat64).mean().item<double>();
  EXPECT_NEAR(dropped, 0.3, 0.0058);  // four deviations
  EXPECT_CLOSE(y, where(y == 0, zeros({}), full({}, 2.0 / 0.7)).expand({200, 500}), 1e-7);
  EXPECT_NEAR(y.mean().item<double>(), 2, 0.0165);
}

TEST(Dropout, ReplaysFromTheSameStatesAndMovesOnFromTheNewOnes) {
  Dropout layer(0.5);
  auto st = setup(Rng(1), layer).second;
  auto x = ones({8, 8});
  auto [y, st2] = layer(x, {}, st);
  EXPECT_SAME(layer(x, {}, st).first, y);
  auto [y2, st3] = layer(x, {}, st2);
  EXPECT_FALSE(tree::equal(y2, y));
  EXPECT_FALSE(tree::equal(layer(x, {}, st3).first, y2));
  EXPECT_SAME(layer(x, {}, st2).first, y2);
}

TEST(Dropout, IsTheIdentityInTestModeAndKeepsItsRng) {
  Dropout layer(0.9);
  auto st = testmode(setup(Rng(1), layer).second);
  auto x = random::normal(Rng(2), {4, 4});
  auto [y, st2] = layer(x, {}, st);
  EXPECT_SAME(y, x);
  EXPECT_SAME(st2, st);
  EXPECT_FALSE(tree::equal(layer(x, {}, trainmode(st)).first, x));
}

TEST(Dropout, OfNothingIsTheIdentityAndKeepsItsRng) {
  Dropout layer(0);
  auto st = setup(Rng(1), layer).second;
  auto [y, st2] = layer(ones({4, 4}), {}, st);
  EXPECT_SAME(y, ones({4, 4}));
  EXPECT_SAME(st2, st);
}

TEST(Dropout, VariesAlongTheDimensionsItIsGivenAndNoOther) {
  auto x = ones({30, 6, 20});
  for (auto dims : {std::vector<int64_t>{0, 2}, std::vector<int64_t>{-3, -1}}) {
    Dropout layer(0.5, {.dims = dims});
    auto y = layer(x, {}, setup(Rng(3), layer).second).first;
    EXPECT_SAME(y, y.narrow(1, 0, 1).expand({30, 6, 20}).contiguous());
    auto rows = y.select(1, 0).mean(0);
    EXPECT_GT(rows.max().item<double>(), rows.min().item<double>());
  }
}

TEST(Dropout, DrawsOtherMasksAtOtherPaths) {
  auto st = named({{"a", initial_states(Dropout(0.5), Rng(0).fold_in("a"))},
                   {"b", initial_states(Dropout(0.5), Rng(0).fold_in("b"))}});
  auto x = ones({8, 8});
  EXPECT_FALSE(tree::equal(Dropout(0.5)(x, {}, st["a"]).first, Dropout(0.5)(x, {}, st["b"]).first));
}

TEST(Dropout, SaysItsProbability) {
  EXPECT_EQ(Dropout(0.25).label(), "Dropout(0.25)");
  EXPECT_EQ(Dropout(0.5, {.dims = {0, -1}}).label(), "Dropout(0.5, dims=(0, -1))");
}

TEST(Dropout, RefusesProbabilitiesOutsideItsRange) {
  EXPECT_ERROR(ArgumentError, Dropout(1),
               "[Dropout] expected a probability from 0 to below 1, got 1.");
  EXPECT_ERROR(ArgumentError, Dropout(-0.125),
               "[Dropout] expected a probability from 0 to below 1, got -0.125.");
  EXPECT_THROW(Dropout(std::nan("")), ArgumentError);
}

TEST(Dropout, RefusesIntegersAndDimensionsThatXHasNot) {
  auto st = setup(Rng(0), Dropout(0.5)).second;
  EXPECT_ERROR(ShapeError, apply(Dropout(0.5), tensor({1, 2}), Tree(), st),
               "[Dropout] expected x of a floating dtype, got int64.");
  Dropout layer(0.5, {.dims = {2}});
  EXPECT_ERROR(ArgumentError, apply(layer, ones({3, 4}), Tree(), st),
               "[Dropout] expected .dims within x of shape (3, 4), got 2.");
}

}  // namespace
}  // namespace luxtorch::testing
