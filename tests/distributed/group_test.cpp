// A group of one process, parts of batches, and trees as bytes; tests/distributed/processes_test.py has several processes.
#include "luxtorch/group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

#include "distributed/nccl.h"
#include "group_backend.h"
#include "group_bytes.h"
#include "luxtorch/core/error.h"
#include "luxtorch/core/functions.h"
#include "luxtorch/core/values.h"
#include "luxtorch/data/dataloader.h"
#include "luxtorch/distributed/init.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

TEST(GroupOfOne, IsTheIdentity) {
  const Group group = distributed::init();
  EXPECT_EQ(group.size(), 1);
  EXPECT_TRUE(group.is_root());
  const Tensor t = tensor({1.0, 2.0});
  EXPECT_TRUE(group.sum(t).is_same(t));
  EXPECT_TRUE(group.all_gather(t).is_same(t));
  EXPECT_TRUE(group.reduce_scatter(t).is_same(t));
  const Tree tree = named({{"a", t}, {"n", 3}, {"text", "b"}});
  EXPECT_TRUE(tree::equal(group.sum(tree), tree));
  EXPECT_TRUE(tree::equal(group.mean(tree, 5), tree));
  EXPECT_TRUE(tree::equal(group.broadcast(tree), tree));
  EXPECT_EQ(group.gather(tree).size(), 1u);
  EXPECT_TRUE(all_equal(group, tree));
  EXPECT_EQ(group.split(3).size(), 1);
  group.barrier();
}

TEST(GroupOfOne, RefusesWhatIsOutOfRange) {
  const Group group;
  EXPECT_THROW(group.broadcast(Tree(), 1), ArgumentError);
  EXPECT_THROW(group.mean(Tree(1.0), -1), ArgumentError);
  EXPECT_THROW(group.mean(Tree(1.0), INFINITY), ArgumentError);
  EXPECT_ERROR(ArgumentError, group.mean(Tree(1.0), std::nan("")),
               "[Group.mean] expected a finite weight of at least 0, got nan.");
  EXPECT_THROW(group.sum(zeros({2}, {.dtype = kBool})), ShapeError);
  EXPECT_THROW(group.mean(Tree(1.0), 0), ArgumentError);
  if (!distributed::has_nccl()) {
    EXPECT_THROW(distributed::init({.backend = "nccl"}), UnsupportedError);
  }
  EXPECT_THROW(distributed::init({.backend = "pigeon"}), ArgumentError);
}

TEST(HashOfBytes, ChangesWithEachBitAndTheLength) {
  for (size_t count : {size_t{0}, size_t{1}, size_t{8}, size_t{19}}) {
    std::string bytes(count, 'a');
    std::set<int64_t> hashes = {detail::hash_of(bytes.data(), count)};
    for (size_t bit = 0; bit < 8 * count; ++bit) {
      std::string other = bytes;
      other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << bit % 8));
      hashes.insert(detail::hash_of(other.data(), count));
    }
    bytes.push_back('\0');
    hashes.insert(detail::hash_of(bytes.data(), count + 1));
    EXPECT_EQ(hashes.size(), 8 * count + 2);
  }
}

TEST(TreeBytes, GiveTheSameTree) {
  const Tree t = named({{"none", Tree()},
                        {"flag", true},
                        {"count", int64_t{-7}},
                        {"x", 0.1},
                        {"text", std::string("a\0b", 3)},
                        {"rng", Rng(~0ull)},
                        {"half", tensor({1.5, -2.0}).to(Dtype::BFloat16)},
                        {"view", tensor({{1.0, 2.0}, {3.0, 4.0}}).t()},
                        {"empty", tensor({1.0}).narrow(0, 0, 0)},
                        {"parts", tuple({tuple(std::vector<Tree>{}), Tree("")})}});
  const std::string bytes = detail::to_bytes(t);
  EXPECT_TRUE(tree::equal(detail::from_bytes(bytes), t));
  for (size_t n : {size_t{0}, size_t{5}, bytes.size() - 1})
    EXPECT_THROW(detail::from_bytes(bytes.substr(0, n)), FormatError);
}

Tree rows(int64_t n) {
  std::vector<int64_t> values(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) values[static_cast<size_t>(i)] = i;
  return tuple({tensor(values, {n})});
}

std::vector<int64_t> numbers(const Tree& batch) { return to_vector<int64_t>(batch[0].tensor()); }

TEST(DataLoaderParts, TogetherAreTheBatchesOfOneProcess) {
  for (bool shuffle : {false, true}) {
    for (int64_t count : {1, 2, 3, 16}) {
      const data::DataLoader whole(rows(23), {.batch_size = 10, .shuffle = shuffle}, Rng(4));
      std::vector<std::vector<int64_t>> joined(static_cast<size_t>(whole.size()));
      for (int64_t index = 0; index < count; ++index) {
        const data::DataLoader part(
            rows(23), {.batch_size = 10, .shuffle = shuffle, .part = {index, count}}, Rng(4));
        EXPECT_EQ(part.size(), whole.size());
        size_t b = 0;
        for (const Tree& batch : part.batches(1)) {
          const auto own = numbers(batch);
          joined[b].insert(joined[b].end(), own.begin(), own.end());
          ++b;
        }
      }
      size_t b = 0;
      for (const Tree& batch : whole.batches(1)) EXPECT_EQ(joined[b++], numbers(batch));
    }
  }
}

TEST(DataLoaderParts, AreWithoutRowsWhereThereAreFewerThanProcesses) {
  int64_t transformed = 0;
  const data::DataLoader loader(rows(3),
                                {.batch_size = 3,
                                 .collate =
                                     [](const std::vector<Tree>& all) {
                                       return tuple({zeros({static_cast<int64_t>(all.size()), 2})});
                                     },
                                 .transform =
                                     [&](const Tree& batch, Rng) {
                                       ++transformed;
                                       return batch;
                                     },
                                 .part = {0, 8}});
  for (const Tree& batch : loader.batches(0)) EXPECT_EQ(batch[0].tensor().sizes(), Shape({0, 2}));
  EXPECT_EQ(transformed, 0);
}

TEST(DataLoaderParts, HaveTheirOwnKeysAndTheWholeBatchsPosition) {
  auto keys = [](int64_t index) {
    std::vector<uint64_t> all;
    data::DataLoader loader(rows(8), {.batch_size = 4,
                                      .transform =
                                          [&](const Tree& batch, Rng rng) {
                                            all.push_back(rng.key());
                                            return batch;
                                          },
                                      .part = {index, 2}});
    for (auto i = loader.begin(); i != loader.end(); ++i) {
    }
    return all;
  };
  EXPECT_NE(keys(0), keys(1));
  data::DataLoader two(rows(8), {.batch_size = 4, .part = {1, 2}}), one(rows(8), {.batch_size = 4});
  auto at = two.begin();
  one.set_position_(two.position());
  EXPECT_EQ(numbers(*one.begin()), (std::vector<int64_t>{4, 5, 6, 7}));
}

TEST(DataLoaderParts, RefuseWhatCannotBeDivided) {
  EXPECT_THROW(data::DataLoader(rows(8), {.part = {2, 2}}), ArgumentError);
  EXPECT_THROW(data::DataLoader(rows(8), {.part = {0, 0}}), ArgumentError);
  EXPECT_THROW(data::DataLoader(rows(8), {.batch_size = -1, .part = {0, 2}}), ArgumentError);
}

}  // namespace
}  // namespace luxtorch
