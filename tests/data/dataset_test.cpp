#include "luxtorch/data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "data/numbers.h"
#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/data/observations.h"

namespace luxtorch::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <class E, class F>
std::string message(F f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  return "nothing was thrown";
}

TEST(Dataset, CountsOnDimensionZeroOfEveryTensor) {
  EXPECT_EQ(numobs(zeros({7, 3})), 7);
  EXPECT_EQ(numobs(tuple({zeros({7, 3}), zeros({7})})), 7);
  EXPECT_EQ(numobs(named({{"x", tuple({zeros({7, 3})})}, {"y", zeros({7})}})), 7);
  EXPECT_EQ(numobs(zeros({0, 3})), 0);
}

TEST(Dataset, NamesBothTensorsThatDisagree) {
  auto text =
      message<ShapeError>([] { numobs(named({{"x", zeros({7, 3})}, {"label", zeros({6})}})); });
  EXPECT_THAT(text, HasSubstr("7 in x and 6 in label"));
}

TEST(Dataset, RefusesWhatHasNoObservations) {
  EXPECT_THAT(message<TreeError>([] { numobs(Tree()); }), HasSubstr("got nothing"));
  EXPECT_THAT(message<TreeError>([] { numobs(named({})); }), HasSubstr("at least one tensor"));
  EXPECT_THAT(message<TreeError>([] { numobs(named({{"x", zeros({2})}, {"n", 3}})); }),
              HasSubstr("as n"));
  EXPECT_THAT(message<ShapeError>([] { numobs(zeros({})); }), HasSubstr("no dimensions"));
}

TEST(Dataset, GetsObservationsInTheOrderOfTheIndices) {
  auto data = tuple({arange(12).reshape({4, 3}), named({{"y", arange(4)}})});
  auto some = getobs(data, {3, 0, 3});
  EXPECT_THAT(numbers(some[0]), ElementsAre(9, 10, 11, 0, 1, 2, 9, 10, 11));
  EXPECT_THAT(numbers(some[1]["y"]), ElementsAre(3, 0, 3));
  EXPECT_TRUE(tree::equal(getobs(data, tensor(std::vector<int64_t>{3, 0, 3})), some));
  EXPECT_EQ(numobs(getobs(data, {2})), 1);
  EXPECT_EQ(numobs(getobs(data, std::vector<int64_t>{})), 0);
}

TEST(Dataset, GetsOneObservationWithoutDimensionZero) {
  auto one = getobs(tuple({arange(12).reshape({4, 3}), arange(4)}), 2);
  EXPECT_EQ(one[0].tensor().sizes(), Shape({3}));
  EXPECT_THAT(numbers(one[0]), ElementsAre(6, 7, 8));
  EXPECT_EQ(one[1].tensor().dim(), 0);
}

TEST(Dataset, RefusesIndicesOutsideTheData) {
  auto data = arange(4);
  EXPECT_THAT(message<ArgumentError>([&] { getobs(data, 4); }), HasSubstr("from 0 to 3, got 4"));
  EXPECT_THROW(getobs(data, -1), ArgumentError);
  EXPECT_THROW(getobs(data, {0, 4}), ArgumentError);
  EXPECT_THROW(getobs(data, tensor(std::vector<int64_t>{-1})), ArgumentError);
  EXPECT_THROW(getobs(data, ones({2})), ShapeError);
}

TEST(Shuffle, KeepsTheTensorsInStep) {
  auto data = tuple({arange(100).reshape({100, 1}), arange(100)});
  auto shuffled = shuffleobs(data, Rng(2));
  EXPECT_EQ(numbers(shuffled[0]), numbers(shuffled[1]));
  EXPECT_NE(numbers(shuffled[1]), numbers(data[1]));
  auto sorted = numbers(shuffled[1]);
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, numbers(data[1]));
}

TEST(Shuffle, DependsOnItsRngAlone) {
  EXPECT_EQ(numbers(shuffleobs(arange(50), Rng(2))), numbers(shuffleobs(arange(50), Rng(2))));
  EXPECT_NE(numbers(shuffleobs(arange(50), Rng(2))), numbers(shuffleobs(arange(50), Rng(3))));
}

TEST(Split, ByAFractionGivesViews) {
  auto x = arange(10);
  auto [a, b] = splitobs(x, 0.7);
  EXPECT_THAT(numbers(a), ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(numbers(b), ElementsAre(7, 8, 9));
  EXPECT_EQ(a.tensor().const_data_ptr(), x.const_data_ptr());
}

TEST(Split, RoundsTiesToEven) {
  auto first = [](int64_t n, double at) { return numobs(splitobs(arange(n), at)[0]); };
  EXPECT_EQ(first(5, 0.5), 2);    // 2.5
  EXPECT_EQ(first(7, 0.5), 4);    // 3.5
  EXPECT_EQ(first(1, 0.5), 0);    // 0.5
  EXPECT_EQ(first(10, 0.25), 2);  // 2.5
  EXPECT_EQ(first(10, 0.26), 3);
  EXPECT_EQ(first(1000, 0.8), 800);
}

TEST(Split, OfSeveralFractionsHasTheRestLast) {
  auto [a, b, c] = splitobs(arange(100), {0.1, 0.4});
  EXPECT_EQ(numobs(a), 10);
  EXPECT_EQ(numobs(b), 40);
  EXPECT_EQ(numobs(c), 50);
  EXPECT_EQ(numbers(c).front(), 50);
  auto whole = splitobs(arange(10), std::vector<double>{0.7, 0.2, 0.1});
  ASSERT_EQ(whole.size(), 4u);
  EXPECT_EQ(numobs(whole[3]), 0);
}

TEST(Split, TakesCountsToo) {
  auto [a, b] = splitobs(arange(10), 1);
  EXPECT_EQ(numobs(a), 1);
  EXPECT_EQ(numobs(b), 9);
  auto [c, d, e] = splitobs(arange(10), {3, 7});
  EXPECT_EQ(numobs(c), 3);
  EXPECT_EQ(numobs(d), 7);
  EXPECT_EQ(numobs(e), 0);
  EXPECT_EQ(numobs(splitobs(arange(10), 1.0)[0]), 10);
}

TEST(Split, WithAnRngShufflesFirst) {
  auto data = tuple({arange(100), arange(100)});
  auto [a, b] = splitobs(data, 0.8, Rng(5));
  auto expected = shuffleobs(data, Rng(5));
  EXPECT_EQ(numbers(a[0]), numbers(a[1]));
  EXPECT_EQ(numbers(a[0]), numbers(expected[0].tensor().narrow(0, 0, 80)));
  EXPECT_EQ(numbers(b[1]), numbers(expected[0].tensor().narrow(0, 80, 20)));
}

TEST(Split, RefusesPartsThatDoNotFit) {
  auto x = arange(10);
  EXPECT_THAT(message<ArgumentError>([&] { splitobs(x, 80.0); }),
              HasSubstr("A count of observations is an integer"));
  EXPECT_THROW(splitobs(x, -0.1), ArgumentError);
  EXPECT_THROW(splitobs(x, std::nan("")), ArgumentError);
  EXPECT_THROW(splitobs(x, {0.7, 0.4}), ArgumentError);
  EXPECT_THROW(splitobs(x, 11), ArgumentError);
  EXPECT_THROW(splitobs(x, -1), ArgumentError);
  EXPECT_THROW(splitobs(x, {6, 5}), ArgumentError);
}

TEST(PartOf, GivesEachPartItsRows) {
  EXPECT_THAT(numbers(part_of(arange(7), {0, 3})), ElementsAre(0, 1));
  EXPECT_THAT(numbers(part_of(arange(7), {1, 3})), ElementsAre(2, 3));
  EXPECT_THAT(numbers(part_of(arange(7), {2, 3})), ElementsAre(4, 5, 6));
  const Tree both = part_of(named({{"x", arange(4)}, {"y", tuple({arange(4) * 2})}}), {1, 2});
  EXPECT_THAT(numbers(both["y"][0]), ElementsAre(4, 6));
  EXPECT_THAT(part_of(std::vector<std::string>{"a", "b", "c"}, {1, 2}), ElementsAre("b", "c"));
}

TEST(PartOf, IsViewsThatTogetherAreTheData) {
  const Tensor x = arange(11);
  EXPECT_EQ(part_of(x, {0, 1}).tensor().const_data_ptr(), x.const_data_ptr());
  for (int64_t count : {1, 2, 5, 16}) {
    std::vector<Tree> parts;
    for (int64_t i = 0; i < count; ++i) parts.push_back(part_of(x, {i, count}));
    EXPECT_EQ(numbers(joinobs(parts)), numbers(x));
  }
  EXPECT_EQ(numobs(part_of(arange(5), {0, 8})), 0);  // 5 rows for 8
}

TEST(PartOf, RefusesPartsOutsideOfTheirCount) {
  for (const Part part : {Part{2, 2}, Part{-1, 2}, Part{0, 0}}) {
    EXPECT_THROW(part_of(arange(5), part), ArgumentError);
    EXPECT_THROW(part_of(std::vector<int>{1, 2}, part), ArgumentError);
  }
  EXPECT_EQ(message<ArgumentError>([] { part_of(arange(5), {3, 2}); }),
            "[data::part_of] expected a part from 0 to count - 1, and a count of at least 1, got 3 "
            "of 2.");
}

RC_GTEST_PROP(SplitProperties, PartsHoldEveryObservationOnce, ()) {
  auto n = *rc::gen::inRange<int64_t>(1, 200);
  auto weights = *rc::gen::container<std::vector<double>>(
      rc::gen::map(rc::gen::inRange(0, 100), [](int i) { return static_cast<double>(i); }));
  double sum = 1;
  for (auto w : weights) sum += w;
  for (auto& w : weights) w /= sum;
  auto seed = *rc::gen::arbitrary<uint64_t>();
  auto parts = splitobs(arange(n), weights, Rng(seed));
  RC_ASSERT(parts.size() == weights.size() + 1);
  std::vector<int64_t> all;
  for (const auto& p : parts) {
    for (auto i : numbers(p)) all.push_back(i);
  }
  std::sort(all.begin(), all.end());
  RC_ASSERT(all == numbers(arange(n)));
}

RC_GTEST_PROP(SplitProperties, CountsAreTheParts, ()) {
  auto counts = *rc::gen::container<std::vector<int64_t>>(rc::gen::inRange<int64_t>(0, 20));
  auto n = std::accumulate(counts.begin(), counts.end(), *rc::gen::inRange<int64_t>(0, 20));
  auto parts = splitobs(arange(n), counts);
  for (size_t i = 0; i < counts.size(); ++i) RC_ASSERT(numobs(parts[i]) == counts[i]);
}

}  // namespace
}  // namespace luxtorch::data
