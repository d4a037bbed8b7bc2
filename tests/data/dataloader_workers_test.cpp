// Batches that are made ahead by threads: the same ones, in the same order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "data/numbers.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/data/dataloader.h"
#include "luxtorch/data/dataset.h"
#include "luxtorch/data/observations.h"
#include "luxtorch/layer.h"
#include "support/compare.h"

namespace luxtorch::data {
namespace {

using ::testing::ElementsAre;

Tree squares() {
  const Tree all = tuple({arange(23), arange(23).to(kFloat32).reshape({23, 1})});
  return mapobs([](const Tree& one) { return tuple({one[0], one[1].tensor().square()}); }, all);
}

// Draws from the batch's key, and depends on the batch.
Tree noisy(const Tree& batch, Rng rng) {
  const Tensor x = batch[1].tensor();
  return tuple({batch[0], x + random::normal(rng, x.sizes())});
}

Tree stacked(const std::vector<Tree>& observations) {
  std::vector<Tensor> i, x;
  for (const Tree& one : observations) {
    i.push_back(one[0].tensor());
    x.push_back(one[1].tensor() * 2);
  }
  return tuple({stack(i), stack(x)});
}

struct Epochs {
  std::vector<Tree> batches, positions;
};
Epochs two_epochs(const DataLoaderOptions& options) {
  DataLoader loader(squares(), options, Rng(4));
  Epochs r;
  while (loader.epoch() < 2) {
    for (const Tree& batch : loader) {
      r.batches.push_back(batch);
      r.positions.push_back(loader.position());
    }
  }
  return r;
}

TEST(DataLoaderWorkers, GiveTheBatchesOfTheSerialPath) {
  for (const DataLoaderOptions& options :
       {DataLoaderOptions{.batch_size = 4, .shuffle = true, .transform = noisy},
        DataLoaderOptions{.batch_size = 4, .partial = false, .transform = noisy},
        DataLoaderOptions{.batch_size = 3, .shuffle = true, .collate = stacked, .transform = noisy},
        DataLoaderOptions{.batch_size = -1, .shuffle = true},
        DataLoaderOptions{.batch_size = 23}}) {
    const Epochs expected = two_epochs(options);
    for (int64_t workers : {1, 2, 5}) {
      for (int64_t prefetch : {1, 3}) {
        DataLoaderOptions ahead = options;
        ahead.num_workers = workers;
        ahead.prefetch = prefetch;
        const Epochs got = two_epochs(ahead);
        ASSERT_EQ(got.batches.size(), expected.batches.size());
        for (size_t i = 0; i < got.batches.size(); ++i) {
          EXPECT_SAME(got.batches[i], expected.batches[i]);
          EXPECT_SAME(got.positions[i], expected.positions[i]);
        }
      }
    }
  }
}

TEST(DataLoaderWorkers, TransformsHaveAKeyForEachBatchOfEachEpoch) {
  std::set<uint64_t> keys;
  std::mutex mutex;
  auto remember = [&](const Tree& batch, Rng rng) {
    const std::lock_guard lock(mutex);
    keys.insert(rng.key());
    return batch;
  };
  DataLoader loader(arange(6), {.batch_size = 2, .transform = remember, .num_workers = 2}, Rng(1));
  for (int epoch = 0; epoch < 2; ++epoch)
    for (const Tree& batch : loader) (void)batch;
  EXPECT_EQ(keys.size(), 6u);
  for (const Tree& batch : loader.batches(0)) (void)batch;
  EXPECT_EQ(keys.size(), 6u);
}

TEST(DataLoaderWorkers, WorkWhileABatchIsInHand) {
  std::promise<void> second_is_made;
  std::atomic<bool> here = false;
  const auto caller = std::this_thread::get_id();
  auto count = [&, calls = std::make_shared<std::atomic<int>>(0)](const Tree& batch, Rng) {
    if (std::this_thread::get_id() == caller) here = true;
    if (++*calls == 2) second_is_made.set_value();
    return batch;
  };
  DataLoader loader(arange(6), {.batch_size = 2, .transform = count, .num_workers = 1});
  auto i = loader.begin();
  second_is_made.get_future().wait();  // without ++
  EXPECT_THAT(numbers(*i), ElementsAre(0, 1));
  for (; i != loader.end(); ++i) {
  }
  EXPECT_FALSE(here.load());
}

TEST(DataLoaderWorkers, AreAheadByPrefetchAtMostAndEndWithTheIterator) {
  for (int repeat = 0; repeat < 50; ++repeat) {
    auto made = std::make_shared<std::atomic<int>>(0);
    DataLoader loader(arange(100), {.transform =
                                        [made](const Tree& batch, Rng) {
                                          ++*made;
                                          return batch;
                                        },
                                    .num_workers = 3,
                                    .prefetch = 2});
    {
      auto i = loader.begin();
      ++i;
      EXPECT_LE(made->load(), 2 + 6);
    }
    EXPECT_LE(made->load(), 2 + 6);
    EXPECT_EQ(made.use_count(), 2);  // here and in the loader: whoever else made them has ended
  }
}

// Refuses observation 5.
Tree without_five(const std::vector<Tree>& observations) {
  for (const Tree& one : observations) {
    if (one.tensor().item<int64_t>() == 5)
      throw ArgumentError("collate", "expected another number, got 5.");
  }
  return observations.front();
}

TEST(DataLoaderWorkers, ThrowWhereTheBatchWouldBeHandedOut) {
  for (int64_t workers : {0, 1, 3}) {
    DataLoader loader(arange(10),
                      {.batch_size = 2, .collate = without_five, .num_workers = workers});
    auto i = loader.begin();
    EXPECT_EQ((*i).tensor().item<int64_t>(), 0);
    ++i;
    EXPECT_EQ((*i).tensor().item<int64_t>(), 2);
    EXPECT_ERROR(ArgumentError, ++i,
                 "[collate] expected another number, got 5. That was batch 2 of epoch 0.");
    ++i;
    EXPECT_EQ((*i).tensor().item<int64_t>(), 6);
    ++i;
    EXPECT_EQ((*i).tensor().item<int64_t>(), 8);
    ++i;
    EXPECT_TRUE(i == loader.end());
  }
}

TEST(DataLoaderWorkers, HandOnOtherExceptionsAsTheyAre) {
  auto fail = [](const Tree&, Rng) -> Tree { throw std::out_of_range("no such file"); };
  DataLoader loader(arange(10), {.transform = fail, .num_workers = 2});
  try {
    loader.begin();
    ADD_FAILURE() << "nothing is thrown";
  } catch (const std::out_of_range& error) {
    EXPECT_STREQ(error.what(), "no such file");
  }
}

TEST(DataLoaderWorkers, CopiesOfAnIteratorGoTheirOwnWay) {
  DataLoader loader(squares(),
                    {.batch_size = 4, .shuffle = true, .transform = noisy, .num_workers = 2});
  std::vector<Tree> expected;
  for (const Tree& batch : loader.batches(0)) expected.push_back(batch);
  const auto batches = loader.batches(0);
  auto first = batches.begin();
  ++first;
  auto second = first;
  for (size_t k = 1; k < expected.size(); ++k, ++first) EXPECT_SAME(*first, expected[k]);
  for (size_t k = 1; k < expected.size(); ++k, ++second) EXPECT_SAME(*second, expected[k]);
  EXPECT_TRUE(second == batches.end());
}

TEST(DataLoaderWorkers, RecordGraphsAsTheirOwnerDoes) {
  const Tensor x = ones({4, 2}).requires_grad_();
  const DataLoaderOptions options{.batch_size = 2, .shuffle = true, .num_workers = 2};
  for (const Tree& batch : DataLoader(x, options)) batch.tensor().sum().backward();
  EXPECT_EQ(x.grad().sum().item<double>(), 8);
  const luxtorch::detail::NoGrad no_grad;
  for (const Tree& batch : DataLoader(x, options)) EXPECT_FALSE(batch.tensor().requires_grad());
}

TEST(DataLoaderWorkers, RefuseNegativeNumbers) {
  EXPECT_ERROR(
      ArgumentError, DataLoader(arange(3), {.num_workers = -1}),
      "[DataLoader] expected num_workers of at least 0 and prefetch of at least 1, got -1 and 2.");
  EXPECT_ERROR(
      ArgumentError, DataLoader(arange(3), {.num_workers = 1, .prefetch = 0}),
      "[DataLoader] expected num_workers of at least 0 and prefetch of at least 1, got 1 and 0.");
}

}  // namespace
}  // namespace luxtorch::data
