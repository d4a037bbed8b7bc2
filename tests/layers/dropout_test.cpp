#include "luxtorch/layers/dropout.h"

#include <gtest/gtest.h>

#include <cmath>

#include "luxtorch/core/functions.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/ops/dropout.h"
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

TEST(Dropout, OfEverythingIsZerosInTraining) {
  Dropout layer(1);
  auto st = setup(Rng(1), layer).second;
  auto [y, st2] = layer(ones({4, 4}), {}, st);
  EXPECT_SAME(y, zeros({4, 4}));
  EXPECT_FALSE(tree::equal(st2, st));
  EXPECT_SAME(layer(ones({4, 4}), {}, testmode(st)).first, ones({4, 4}));
}

TEST(AlphaDropout, KeepsMeanAndVariance) {
  auto st = setup(Rng(1), AlphaDropout(0.3)).second;
  auto x = random::normal(Rng(2), {500, 400}, 0, 1, kFloat64);
  auto y = AlphaDropout(0.3)(x, {}, st).first;
  EXPECT_NEAR(y.mean().item<double>(), 0, 0.01);
  EXPECT_NEAR(y.var().item<double>(), 1, 0.02);
}

// y = A x + B where x is kept, else A a + B.
TEST(AlphaDropout, IsItsFormula) {
  const double p = 0.4, a = -1.7580993408473766, scale = 1 / std::sqrt((1 - p) * (1 + p * a * a));
  auto st = setup(Rng(1), AlphaDropout(p)).second;
  auto x = random::normal(Rng(2), {50, 40}, 0, 1, kFloat64);
  auto [y, st2] = AlphaDropout(p)(x, {}, st);
  auto kept_y = x * scale - scale * a * p, dropped_y = x * 0 + scale * a * (1 - p);
  auto kept = (y - kept_y).abs() < 1e-12, dropped = (y - dropped_y).abs() < 1e-12;
  EXPECT_TRUE((kept || dropped).all().item<bool>());
  EXPECT_NEAR(dropped.to(kFloat64).mean().item<double>(), p, 0.044);  // four deviations
  EXPECT_FALSE(tree::equal(st2, st));
  EXPECT_SAME(AlphaDropout(1)(x, {}, st).first, x * 0);
  EXPECT_SAME(AlphaDropout(1)(x, {}, testmode(st)).first, x);
  EXPECT_SAME(AlphaDropout(0)(x, {}, st).first, x);
}

TEST(DropPath, DropsWholeSamples) {
  auto st = setup(Rng(1), DropPath(0.25)).second;
  auto x = ones({2000, 3, 2});
  auto y = DropPath(0.25)(x, {}, st).first;
  EXPECT_SAME(y, y.narrow(1, 0, 1).narrow(2, 0, 1).expand({2000, 3, 2}).contiguous());
  auto dropped = y.select(1, 0).select(1, 0) == 0;
  EXPECT_NEAR(dropped.to(kFloat64).mean().item<double>(), 0.25, 0.039);  // four deviations
  EXPECT_CLOSE(y.max(), tensor({1 / 0.75})[0], 1e-6);
  EXPECT_SAME(DropPath(0.25)(x, {}, testmode(st)).first, x);
}

TEST(VariationalHiddenDropout, KeepsItsMaskUntilAnotherIsAskedFor) {
  const VariationalHiddenDropout layer(0.25);
  const Tree st = setup(Rng(1), layer).second;
  const Tensor x = ones({50, 40});
  const auto [y, st2] = layer(x, {}, st);
  EXPECT_SAME(st2["mask"], y);
  EXPECT_CLOSE(y.max(), tensor({1 / 0.75})[0], 1e-6);
  EXPECT_NEAR((y == 0).to(kFloat64).mean().item<double>(), 0.25, 0.039);  // four deviations
  const auto [again, st3] = layer(x * 2, {}, st2);
  EXPECT_SAME(again, y * 2);
  EXPECT_SAME(st3, st2);
  const auto [other, st4] = layer(x, {}, update_state(st3, "update_mask", true));
  EXPECT_FALSE(tree::equal(other, y));
  EXPECT_FALSE(st4["update_mask"].scalar<bool>());
  EXPECT_SAME(st4["mask"], other);
  // With a mask and without a wish for another, but for a new model's first call.
  EXPECT_SAME(layer(x, {}, st.with("update_mask", false)).first, y);
}

// Lux keeps x as the mask there, and multiplies by it in the next training.
TEST(VariationalHiddenDropout, ChangesNoStateInTestMode) {
  const VariationalHiddenDropout layer(0.25);
  const Tensor x = random::normal(Rng(2), {4, 4});
  const Tree st = setup(Rng(1), layer).second, kept = layer(x, {}, st).second;
  for (const Tree& states : {testmode(st), testmode(kept)}) {
    const auto [y, st2] = layer(x, {}, states);
    EXPECT_SAME(y, x);
    EXPECT_SAME(st2, states);
  }
}

TEST(VariationalHiddenDropout, OfFeaturesServesBatchesOfAllSizes) {
  const VariationalHiddenDropout layer(0.5, {.dims = {-1}});
  const Tree st = layer(ones({8, 3, 20}), {}, setup(Rng(1), layer).second).second;
  EXPECT_EQ(st["mask"].tensor().sizes(), (Sizes{1, 1, 20}));
  const auto [y, st2] = layer(ones({2, 5, 20}, {.dtype = kFloat64}), {}, st);
  EXPECT_SAME(y, st["mask"].tensor().expand({2, 5, 20}).to(kFloat64).contiguous());
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
  EXPECT_ERROR(ArgumentError, Dropout(1.5),
               "[Dropout] expected a probability from 0 to 1, got 1.5.");
  EXPECT_ERROR(ArgumentError, Dropout(-0.125),
               "[Dropout] expected a probability from 0 to 1, got -0.125.");
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

TEST(DropoutOfTensors, RefusesWhatItCannotTake) {
  auto x = ones({3, 4});
  EXPECT_ERROR(ArgumentError, (void)ops::dropout(Rng(0), x, 1.5),
               "[dropout] expected a probability from 0 to 1, got 1.5.");
  EXPECT_ERROR(ArgumentError, (void)ops::dropout(Rng(0), x, 0.5, {{-3}}),
               "[dropout] expected dims within x of shape (3, 4), got -3.");
  EXPECT_ERROR(ShapeError, (void)ops::alpha_dropout(Rng(0), x.to(kInt64), 0.5),
               "[alpha_dropout] expected x of a floating dtype, got int64.");
}

}  // namespace
}  // namespace luxtorch::testing
