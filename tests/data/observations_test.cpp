#include "luxtorch/data/observations.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "data/numbers.h"
#include "luxtorch/core/ops.h"
#include "support/compare.h"

namespace luxtorch::data {
namespace {

using ::testing::ElementsAre;

Tree pairs() { return tuple({arange(5), named({{"y", arange(10).reshape({5, 2})}})}); }
int64_t first_of(const Tree& one) { return one[0].tensor().item<int64_t>(); }

TEST(FilterObs, KeepsSomeInTheirOrder) {
  const Tree some = filterobs([](const Tree& one) { return first_of(one) % 2 == 0; }, pairs());
  EXPECT_THAT(numbers(some[0]), ElementsAre(0, 2, 4));
  EXPECT_THAT(numbers(some[1]["y"]), ElementsAre(0, 1, 4, 5, 8, 9));
  EXPECT_EQ(numobs(filterobs([](const Tree&) { return false; }, pairs())), 0);
}

TEST(MapObs, StacksWhatTheFunctionMakes) {
  auto f = [](const Tree& one) {
    return named({{"sum", one[1]["y"].tensor().sum()}, {"y", one[1]["y"].tensor().flip(0)}});
  };
  const Tree made = mapobs(f, pairs());
  EXPECT_THAT(numbers(made["sum"]), ElementsAre(1, 5, 9, 13, 17));
  EXPECT_EQ(made["y"].tensor().sizes(), Shape({5, 2}));
  EXPECT_THAT(numbers(made["y"].tensor()[4]), ElementsAre(9, 8));
  EXPECT_ERROR(ArgumentError, mapobs(f, zeros({0})),
               "[data::mapobs] expected a number of observations of at least 1, got 0.");
  EXPECT_ERROR(
      TreeError, mapobs([](const Tree& one) { return first_of(one) ? one : one[0]; }, pairs()),
      "[data::mapobs] expected trees of one structure, got an int64 tensor of shape () and a "
      "tuple of 2.");
}

TEST(GroupObs, GroupsByNumber) {
  const auto groups = groupobs([](const Tree& one) { return first_of(one) % 3; }, pairs());
  ASSERT_EQ(groups.size(), 3u);
  EXPECT_THAT(numbers(groups.at(0)[0]), ElementsAre(0, 3));
  EXPECT_THAT(numbers(groups.at(2)[1]["y"]), ElementsAre(4, 5));
}

TEST(JoinObs, PutsDataOneAfterAnother) {
  const Tree both = joinobs({pairs(), getobs(pairs(), {1})});
  EXPECT_THAT(numbers(both[0]), ElementsAre(0, 1, 2, 3, 4, 1));
  EXPECT_EQ(both[1]["y"].tensor().sizes(), Shape({6, 2}));
  EXPECT_ERROR(ArgumentError, joinobs({}),
               "[data::joinobs] expected a number of data sets of at least 1, got 0.");
  EXPECT_THROW(joinobs({pairs(), arange(3)}), TreeError);
}

TEST(RandObs, DrawsFromAll) {
  const Tree some = randobs(pairs(), 500, Rng(0));
  ASSERT_EQ(numobs(some), 500);
  const auto all = numbers(some[0]);
  for (int64_t i = 0; i < 5; ++i) EXPECT_NEAR(std::count(all.begin(), all.end(), i), 100, 45);
  EXPECT_TRUE(tree::equal(randobs(pairs(), 500, Rng(0)), some));
  EXPECT_ERROR(ArgumentError, randobs(pairs(), -1, Rng(0)),
               "[data::randobs] expected n of at least 0, got -1.");
  EXPECT_THROW(randobs(zeros({0}), 1, Rng(0)), ArgumentError);
}

TEST(Unbatch, GivesEachObservation) {
  const auto all = unbatch(pairs());
  ASSERT_EQ(all.size(), 5u);
  EXPECT_THAT(numbers(all[3][1]["y"]), ElementsAre(6, 7));
}

TEST(SlidingWindow, GivesViewsOneStrideApart) {
  const Tensor x = arange(8);
  const auto windows = slidingwindow(x, 3, 2);
  ASSERT_EQ(windows.size(), 3u);
  EXPECT_THAT(numbers(windows[0]), ElementsAre(0, 1, 2));
  EXPECT_THAT(numbers(windows[2]), ElementsAre(4, 5, 6));
  EXPECT_EQ(windows[0].tensor().const_data_ptr(), x.const_data_ptr());
  EXPECT_EQ(slidingwindow(x, 8).size(), 1u);
  EXPECT_ERROR(ArgumentError, slidingwindow(x, 9),
               "[data::slidingwindow] expected a size from 1 to 8, got 9.");
  EXPECT_ERROR(ArgumentError, slidingwindow(x, 2, 0),
               "[data::slidingwindow] expected a stride of at least 1, got 0.");
}

TEST(Normalise, CentresAndScalesEachFeature) {
  const Tensor x = tensor({1., 10., 3., 10., 5., 10.}, {.dtype = kFloat64}).reshape({3, 2});
  const double s = std::sqrt(8.0 / 3) + 1e-5;
  EXPECT_CLOSE(normalise(x),
               tensor({-2 / s, 0., 0., 0., 2 / s, 0.}, {.dtype = kFloat64}).reshape({3, 2}), 1e-14);
  EXPECT_CLOSE(normalise(x.t(), 1), normalise(x).t(), 1e-14);
  EXPECT_ERROR(
      ShapeError, normalise(arange(3)),
      "[data::normalise] expected a floating tensor with elements and a dimension 0, got an "
      "int64 tensor of shape (3,).");
  EXPECT_THROW(normalise(x, 2), ShapeError);
}

TEST(Rescale, GoesFromZeroToOne) {
  const Tensor x = tensor({1., 10., 3., 10., 5., 10.}).reshape({3, 2});
  EXPECT_CLOSE(rescale(x), tensor({0., 0., 0.5, 0., 1., 0.}).reshape({3, 2}), 1e-7);
  EXPECT_THROW(rescale(zeros({0, 2})), ShapeError);
}

}  // namespace
}  // namespace luxtorch::data
