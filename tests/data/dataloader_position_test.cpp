// Where a loader stands in an epoch, and going on from there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "luxtorch/core/ops.h"
#include "luxtorch/data/dataloader.h"
#include "support/compare.h"

namespace luxtorch::data {
namespace {

DataLoader loader(Rng rng = Rng(3),
                  DataLoaderOptions options = {.batch_size = 2, .shuffle = true}) {
  return DataLoader(arange(7), std::move(options), rng);
}

std::pair<int64_t, int64_t> place(const DataLoader& l) {
  Tree p = l.position();
  return {p["epoch"].scalar<int64_t>(), p["batches"].scalar<int64_t>()};
}

using Place = std::pair<int64_t, int64_t>;

TEST(DataLoaderPosition, CountsTheBatchInHandAndEndsWithTheEpoch) {
  auto l = loader();
  EXPECT_EQ(place(l), Place(0, 0));
  int64_t count = 0;
  for (const Tree& batch : l) {
    (void)batch;
    EXPECT_EQ(place(l), Place(0, ++count));
  }
  EXPECT_EQ(count, 4);
  EXPECT_EQ(place(l), Place(1, 0));
  auto i = l.begin();
  EXPECT_EQ(place(l), Place(1, 1));
  for (; i != l.end(); ++i) {
  }
  EXPECT_EQ(place(l), Place(2, 0));  // at the end, though the iterator is there
}

TEST(DataLoaderPosition, AnEpochThatIsLeftEarlyIsOver) {
  auto l = loader();
  for (const Tree& batch : l) {
    (void)batch;
    break;
  }
  EXPECT_EQ(place(l), Place(1, 0));
}

TEST(DataLoaderPosition, OtherEpochsBatchesDoNotCount) {
  auto l = loader();
  for (const Tree& batch : l.batches(5)) (void)batch;
  EXPECT_EQ(place(l), Place(0, 0));
}

// The batches of three epochs, and where the loader was behind each of them.
struct Record {
  std::vector<Tree> batches, positions;
};
Record record(DataLoader l) {
  Record r;
  while (l.epoch() < 3)
    for (const Tree& batch : l) {
      r.batches.push_back(batch);
      r.positions.push_back(l.position());
    }
  return r;
}

TEST(DataLoaderPosition, AnotherLoaderGoesOnFromAnyBatch) {
  for (const DataLoaderOptions& options :
       {DataLoaderOptions{.batch_size = 2, .shuffle = true},
        DataLoaderOptions{.batch_size = 3, .shuffle = true, .partial = false},
        DataLoaderOptions{.batch_size = 2},
        DataLoaderOptions{.batch_size = 2, .shuffle = true, .num_workers = 2},
        DataLoaderOptions{.batch_size = -1, .shuffle = true}}) {
    auto whole = record(loader(Rng(3), options));
    for (size_t done = 1; done <= whole.batches.size(); ++done) {
      auto l = loader(Rng(99), options);  // the position brings its own rng
      l.set_position_(whole.positions[done - 1]);
      EXPECT_SAME(l.position(), whole.positions[done - 1]);
      auto rest = record(std::move(l));
      ASSERT_EQ(rest.batches.size(), whole.batches.size() - done);
      for (size_t i = 0; i < rest.batches.size(); ++i) {
        EXPECT_SAME(rest.batches[i], whole.batches[done + i]);
        EXPECT_SAME(rest.positions[i], whole.positions[done + i]);
      }
    }
  }
}

TEST(DataLoaderPosition, BehindTheLastBatchTheRestOfTheEpochIsEmpty) {
  auto l = loader();
  Tree inside, behind;
  for (const Tree& batch : l) {
    (void)batch;
    inside = l.position();
  }
  behind = l.position();
  auto batches_of_next_epoch = [](Tree position) {
    auto l = loader();
    l.set_position_(position);
    int64_t count = 0;
    for (const Tree& batch : l) {
      (void)batch;
      ++count;
    }
    return count;
  };
  EXPECT_EQ(batches_of_next_epoch(inside), 0);
  EXPECT_EQ(batches_of_next_epoch(behind), 4);
}

TEST(DataLoaderPosition, SetEpochForgetsIt) {
  auto l = loader();
  l.set_position_(
      named({{"rng", Rng(3)}, {"epoch", 4}, {"batches", 2}, {"numobs", 7}, {"batch_size", 2}}));
  EXPECT_EQ(place(l), Place(4, 2));
  l.set_epoch_(1);
  EXPECT_EQ(place(l), Place(1, 0));
  EXPECT_SAME(*l.begin(), *loader().batches(1).begin());
}

TEST(DataLoaderPosition, OfOtherDataOrOutsideTheEpochIsRefused) {
  auto l = loader();
  auto other = DataLoader(arange(8), {.batch_size = 3}).position();
  EXPECT_ERROR(
      ArgumentError, l.set_position_(other),
      "[DataLoader] expected the position of a loader of 7 observations in batches of 2, got "
      "that of 8 in batches of 3. Are the data others?");
  for (int64_t batches : {-1, 5})
    EXPECT_THROW(l.set_position_(l.position().with("batches", batches)), ArgumentError);
  EXPECT_THROW(l.set_position_(l.position().with("epoch", -1)), ArgumentError);
  EXPECT_THROW(l.set_position_(named({{"epoch", 1}})), TreeError);
  EXPECT_THROW(l.set_position_(Tree()), TreeError);
  EXPECT_EQ(place(l), Place(0, 0));
}

}  // namespace
}  // namespace luxtorch::data
