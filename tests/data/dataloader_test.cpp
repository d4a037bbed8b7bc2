#include "luxtorch/data/dataloader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "data/numbers.h"
#include "luxtorch/core/device.h"
#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"

namespace luxtorch::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

static_assert(std::input_iterator<Batches::Iterator>);
static_assert(std::sentinel_for<std::default_sentinel_t, Batches::Iterator>);

// The observations of an epoch's batches, when they are numbers.
template <class Range>
std::vector<std::vector<int64_t>> epoch(Range&& loader) {
  std::vector<std::vector<int64_t>> batches;
  for (const Tree& batch : loader) batches.push_back(numbers(batch.tensor()));
  return batches;
}

std::vector<int64_t> sorted(const std::vector<std::vector<int64_t>>& batches) {
  std::vector<int64_t> all;
  for (const auto& b : batches) all.insert(all.end(), b.begin(), b.end());
  std::sort(all.begin(), all.end());
  return all;
}

TEST(DataLoader, GivesBatchesInOrder) {
  DataLoader loader(arange(5), {.batch_size = 2});
  EXPECT_EQ(loader.size(), 3);
  EXPECT_THAT(epoch(loader), ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3), ElementsAre(4)));
  EXPECT_THAT(epoch(loader), ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3), ElementsAre(4)));
}

TEST(DataLoader, DropsTheSmallLastBatchWhenPartialIsFalse) {
  DataLoader loader(arange(5), {.batch_size = 2, .partial = false});
  EXPECT_EQ(loader.size(), 2);
  EXPECT_THAT(epoch(loader), ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3)));
  EXPECT_EQ(DataLoader(arange(800), {.batch_size = 128, .partial = false}).size(), 6);
  EXPECT_EQ(DataLoader(arange(800), {.batch_size = 128}).size(), 7);
  EXPECT_EQ(DataLoader(arange(4), {.batch_size = 2, .partial = false}).size(), 2);
}

TEST(DataLoader, OfFewObservationsMakesOneBatchAndSaysSo) {
  for (bool partial : {true, false}) {
    DataLoader loader(arange(3), {.batch_size = 128, .partial = partial});
    EXPECT_EQ(loader.batch_size(), 3);
    EXPECT_EQ(loader.size(), 1);
    EXPECT_THAT(epoch(loader), ElementsAre(ElementsAre(0, 1, 2)));
    EXPECT_THAT(loader.warning(), HasSubstr("batch_size = 128"));
    EXPECT_THAT(loader.warning(), HasSubstr("got 3"));
  }
  EXPECT_EQ(DataLoader(arange(3), {.batch_size = 3}).warning(), "");
}

TEST(DataLoader, GivesSingleObservationsForANegativeBatchSize) {
  DataLoader loader(tuple({arange(6).reshape({3, 2}), arange(3)}),
                    {.batch_size = -1, .partial = false});
  EXPECT_EQ(loader.size(), 3);
  EXPECT_EQ(loader.batch_size(), -1);
  int64_t i = 0;
  for (const Tree& observation : loader) {
    EXPECT_EQ(observation[0].tensor().sizes(), Shape({2}));
    EXPECT_EQ(observation[1].tensor().item<int64_t>(), i++);
  }
  EXPECT_EQ(i, 3);
}

TEST(DataLoader, RefusesABatchSizeOfZeroAndNoData) {
  EXPECT_THROW(DataLoader(arange(3), {.batch_size = 0}), ArgumentError);
  EXPECT_THROW(DataLoader(arange(0)), ArgumentError);
  EXPECT_THROW(DataLoader(named({})), TreeError);
  EXPECT_THROW(DataLoader(tuple({arange(3), arange(4)})), ShapeError);
}

TEST(DataLoader, KeepsTheDatasStructureInEveryBatch) {
  DataLoader loader(named({{"x", zeros({5, 3})}, {"more", tuple({arange(5)})}}),
                    {.batch_size = 2, .shuffle = true});
  for (const Tree& batch : loader) EXPECT_THAT(batch.keys(), ElementsAre("x", "more"));
  for (const Tree& batch : loader)
    EXPECT_EQ(batch["more"][0].tensor().size(0), batch["x"].tensor().size(0));
}

TEST(DataLoader, BatchesAreViewsOnlyWhenUnshuffled) {
  auto x = arange(6);
  DataLoader views(x, {.batch_size = 6}), copies(x, {.batch_size = 6, .shuffle = true});
  EXPECT_EQ((*views.begin()).tensor().const_data_ptr(), x.const_data_ptr());
  EXPECT_FALSE((*copies.begin()).tensor().is_alias_of(x));
}

TEST(DataLoader, ShufflesAnewEachEpoch) {
  DataLoader loader(arange(100), {.batch_size = 30, .shuffle = true}, Rng(1));
  auto first = epoch(loader), second = epoch(loader);
  EXPECT_EQ(loader.epoch(), 2u);
  EXPECT_NE(first, second);
  EXPECT_EQ(sorted(first), numbers(arange(100)));
  EXPECT_EQ(sorted(second), numbers(arange(100)));
}

TEST(DataLoader, DrawsEpochsFromItsRngAlone) {
  DataLoader a(arange(100), {.batch_size = 30, .shuffle = true}, Rng(1));
  DataLoader b(arange(100), {.batch_size = 30, .shuffle = true}, Rng(1));
  DataLoader c(arange(100), {.batch_size = 30, .shuffle = true}, Rng(2));
  auto first = epoch(a);
  EXPECT_EQ(first, epoch(b));
  EXPECT_NE(first, epoch(c));
  auto order = random::permutation_indices(Rng(1).fold_in(uint64_t{0}), 100);
  EXPECT_EQ(first[0], std::vector<int64_t>(order.begin(), order.begin() + 30));
}

TEST(DataLoader, GivesAnyEpochsBatchesOnRequest) {
  DataLoader loader(arange(100), {.batch_size = 30, .shuffle = true}, Rng(1));
  auto third = epoch(loader.batches(2));
  EXPECT_EQ(loader.epoch(), 0u);
  epoch(loader), epoch(loader);
  EXPECT_EQ(epoch(loader), third);
  loader.set_epoch_(2);
  EXPECT_EQ(epoch(loader), third);
}

TEST(DataLoader, ShufflesTensorsInStep) {
  DataLoader loader(tuple({arange(50).reshape({50, 1, 1}), arange(50).to(kFloat32)}),
                    {.batch_size = 8, .shuffle = true});
  for (const Tree& batch : loader) {
    auto [x, y] = batch.tensors<2>();
    EXPECT_TRUE(tree::equal(x.flatten().to(kFloat32), y));
    EXPECT_TRUE(x.is_contiguous());
  }
}

TEST(DataLoader, ShufflesSingleObservations) {
  DataLoader loader(arange(20), {.batch_size = -1, .shuffle = true}, Rng(3));
  auto seen = epoch(loader);
  EXPECT_EQ(sorted(seen), numbers(arange(20)));
  EXPECT_NE(seen, epoch(loader));
}

TEST(DataLoader, HandsSingleObservationsToCollate) {
  auto sum = [](const std::vector<Tree>& observations) {
    auto total = zeros({2}, {.dtype = kInt64});
    for (const auto& o : observations) total = total + o["x"].tensor();
    return Tree(total);
  };
  DataLoader loader(named({{"x", arange(10).reshape({5, 2})}}), {.batch_size = 2, .collate = sum});
  EXPECT_THAT(epoch(loader),
              ElementsAre(ElementsAre(2, 4), ElementsAre(10, 12), ElementsAre(8, 9)));
}

TEST(DataLoader, BatchesOutliveTheLoaderAndTheLoop) {
  Tree last;
  auto rest = DataLoader(arange(4), {.batch_size = 2, .shuffle = true}).begin();
  for (; rest != std::default_sentinel; ++rest) last = *rest;
  EXPECT_EQ(numbers(last.tensor()).size(), 2u);
}

TEST(DataLoader, LetsGradientsThrough) {
  auto x = ones({4, 2}).requires_grad_();
  DataLoader loader(x, {.batch_size = 3, .shuffle = true, .partial = false});
  for (const Tree& batch : loader) batch.tensor().sum().backward();
  EXPECT_EQ(x.grad().sum().item<double>(), 6);
}

RC_GTEST_PROP(DataLoaderProperties, EveryObservationComesOnceAnEpoch, ()) {
  auto n = *rc::gen::inRange<int64_t>(1, 60);
  auto batch_size = *rc::gen::inRange<int64_t>(1, 70);
  auto shuffle = *rc::gen::arbitrary<bool>();
  DataLoader loader(arange(n), {.batch_size = batch_size, .shuffle = shuffle},
                    Rng(static_cast<uint64_t>(n)));
  auto batches = epoch(loader);
  RC_ASSERT(static_cast<int64_t>(batches.size()) == loader.size());
  RC_ASSERT(sorted(batches) == numbers(arange(n)));
  for (size_t i = 0; i + 1 < batches.size(); ++i)
    RC_ASSERT(static_cast<int64_t>(batches[i].size()) == batch_size);
}

TEST(DataLoaderGpu, GivesBatchesOnTheGpu) {
  auto dev = gpu_device();
  if (dev.is_cpu()) GTEST_SKIP() << "no GPU that torch can use";
  DataLoader there(tree::to(tuple({arange(50), arange(50)}), dev),
                   {.batch_size = 8, .shuffle = true}, Rng(1));
  DataLoader here(tuple({arange(50), arange(50)}), {.batch_size = 8, .shuffle = true}, Rng(1));
  auto expected = here.begin();
  for (const Tree& batch : there) {
    EXPECT_EQ(batch[0].tensor().device(), dev);
    EXPECT_EQ(numbers(batch[0].tensor()), numbers((*expected)[0].tensor()));
    ++expected;
  }
}

}  // namespace
}  // namespace luxtorch::data
