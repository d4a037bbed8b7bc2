#include "luxtorch/data/folds.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "data/numbers.h"
#include "luxtorch/core/ops.h"
#include "support/compare.h"

namespace luxtorch::data {
namespace {

using ::testing::ElementsAre;
using Numbers = std::vector<int64_t>;

Numbers sorted(const Tree& t) {
  auto all = numbers(t);
  std::sort(all.begin(), all.end());
  return all;
}

int64_t count(const Tree& labels, int64_t label) {
  const auto all = numbers(labels);
  return std::count(all.begin(), all.end(), label);
}

TEST(KFolds, HoldOutEachObservationOnce) {
  const Tree data = tuple({arange(7), arange(14).reshape({7, 2})});
  const auto folds = kfolds(data, 3);
  ASSERT_EQ(folds.size(), 3u);
  EXPECT_THAT(numbers(folds[0].second[0]), ElementsAre(0, 1, 2));
  EXPECT_THAT(numbers(folds[0].first[0]), ElementsAre(3, 4, 5, 6));
  EXPECT_THAT(numbers(folds[1].second[0]), ElementsAre(3, 4));
  EXPECT_THAT(numbers(folds[1].first[0]), ElementsAre(0, 1, 2, 5, 6));
  EXPECT_THAT(numbers(folds[2].second[1]), ElementsAre(10, 11, 12, 13));
  EXPECT_EQ(kfolds(arange(10)).size(), 5u);
  size_t seen = 0;
  for (const auto& [training, held_out] : folds) {
    EXPECT_EQ(numobs(training) + numobs(held_out), 7);
    EXPECT_THAT(numbers(held_out[0]), ::testing::ContainerEq(numbers(folds[seen].second[0])));
    ++seen;
  }
  EXPECT_EQ(seen, 3u);
  EXPECT_ERROR(ArgumentError, folds[3], "[data::Folds] expected a fold from 0 to 2, got 3.");
  EXPECT_ERROR(ArgumentError, kfolds(arange(3), 4),
               "[data::kfolds] expected k from 2 to 3, got 4.");
  EXPECT_THROW(kfolds(arange(3), 1), ArgumentError);
}

TEST(LeavePOut, HoldsOutP) {
  const auto folds = leavepout(arange(5), 2);
  ASSERT_EQ(folds.size(), 3u);
  EXPECT_THAT(numbers(folds[0].second), ElementsAre(0, 1));
  EXPECT_THAT(numbers(folds[1].first), ElementsAre(0, 1, 4));
  EXPECT_THAT(numbers(folds[2].second), ElementsAre(4));
  EXPECT_EQ(leavepout(arange(5)).size(), 5u);
  // What is held out lies in the data, and so does a training part without a gap.
  const Tensor x = arange(5);
  const auto views = leavepout(x, 2);
  for (const Tensor& view :
       {views[1].second.tensor(), views[0].first.tensor(), views[2].first.tensor()})
    EXPECT_TRUE(view.is_alias_of(x));
  EXPECT_ERROR(ArgumentError, leavepout(arange(5), 3),
               "[data::leavepout] expected p from 1 to 2, got 3.");
}

TEST(TimeseriesKFolds, TrainOnThePast) {
  const auto folds = timeseries_kfolds(arange(11), 4);
  ASSERT_EQ(folds.size(), 4u);
  EXPECT_THAT(numbers(folds[0].first), ElementsAre(0, 1, 2));
  EXPECT_THAT(numbers(folds[0].second), ElementsAre(3, 4));
  EXPECT_THAT(numbers(folds[3].first), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8));
  EXPECT_THAT(numbers(folds[3].second), ElementsAre(9, 10));
  EXPECT_ERROR(ArgumentError, timeseries_kfolds(arange(5), 5),
               "[data::timeseries_kfolds] expected k from 1 to 4, got 5.");
}

TEST(Stratified, BothPartsHaveTheLabelsInProportion) {
  const Tensor labels = cat({zeros({60}), ones({30}), full({10}, 5)}).to(kInt64);
  const Tree data = tuple({arange(100), labels});
  auto [big, small] = splitobs_stratified(data, labels, 0.8, Rng(0));
  EXPECT_EQ(count(big[1], 0), 48);
  EXPECT_EQ(count(big[1], 1), 24);
  EXPECT_EQ(count(big[1], 5), 8);
  EXPECT_EQ(numobs(small), 20);
  EXPECT_EQ(sorted(cat({big[0].tensor(), small[0].tensor()})), numbers(arange(100)));
  EXPECT_NE(numbers(big[0]), sorted(big[0]));
  auto again = splitobs_stratified(data, labels, 0.8, Rng(0));
  EXPECT_TRUE(tree::equal(again[0], big));
  EXPECT_ERROR(ArgumentError, splitobs_stratified(data, labels, 1.5, Rng(0)),
               "[data::splitobs_stratified] expected a fraction from 0 to 1, got 1.5.");
  EXPECT_ERROR(
      ShapeError, splitobs_stratified(data, zeros({100}), 0.5, Rng(0)),
      "[data::splitobs_stratified] expected labels (100) of integers, got a float32 tensor of "
      "shape (100,).");
}

TEST(Oversample, RepeatsTheRareLabels) {
  const Tensor labels = tensor(Numbers{0, 0, 0, 0, 0, 1, 1, 2});
  const Tree more = oversample(tuple({arange(8), labels}), labels, Rng(1));
  for (int64_t label : {0, 1, 2}) EXPECT_EQ(count(more[1], label), 5);
  for (int64_t i : {0, 1, 2, 3, 4}) EXPECT_EQ(count(more[0], i), 1);
  EXPECT_EQ(count(more[0], 5) + count(more[0], 6), 5);
  EXPECT_GE(std::min(count(more[0], 5), count(more[0], 6)), 2);  // whole rounds first
  EXPECT_EQ(count(more[0], 7), 5);
  EXPECT_NE(numbers(more[1]), sorted(more[1]));
  EXPECT_THROW(oversample(arange(8), arange(7), Rng(0)), ShapeError);
}

TEST(Undersample, DropsSomeOfTheFrequentLabels) {
  const Tensor labels = tensor(Numbers{0, 0, 0, 0, 0, 1, 1, 1, 2, 2});
  const Tree less = undersample(tuple({arange(10), labels}), labels, Rng(1));
  EXPECT_THAT(sorted(less[1]), ElementsAre(0, 0, 1, 1, 2, 2));
  EXPECT_EQ(count(less[0], 8) + count(less[0], 9), 2);
  const auto all = sorted(less[0]);
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
  EXPECT_THROW(undersample(arange(8), ones({8}), Rng(0)), ShapeError);
}

}  // namespace
}  // namespace luxtorch::data
