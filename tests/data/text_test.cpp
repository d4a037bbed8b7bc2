// Cutting, stacking and one-hot vectors.
#include "luxtorch/data/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "luxtorch/core/ops.h"
#include "support/compare.h"

namespace luxtorch::data {
namespace {

using ::testing::ElementsAre;

std::vector<int64_t> sizes(const std::vector<Tensor>& parts, int64_t dim = 0) {
  std::vector<int64_t> all;
  for (const auto& t : parts) all.push_back(t.size(dim));
  return all;
}

bool is_view(const Tensor& part, const Tensor& whole) {
  return part.storage().is_alias_of(whole.storage());
}

TEST(Chunk, GivesPiecesOfTheRoundedUpSizeAndMaybeFewer) {
  EXPECT_THAT(sizes(chunk(arange(10), 3)), ElementsAre(4, 4, 2));
  EXPECT_THAT(sizes(chunk(arange(10), 4)), ElementsAre(3, 3, 3, 1));
  EXPECT_THAT(sizes(chunk(arange(10), 6)), ElementsAre(2, 2, 2, 2, 2));  // five, not six
  EXPECT_THAT(sizes(chunk(arange(3), 8)), ElementsAre(1, 1, 1));
  EXPECT_THAT(sizes(chunk(zeros({2, 7}), 2, -1), 1), ElementsAre(4, 3));
  auto x = arange(10);
  auto parts = chunk(x, 3);
  EXPECT_SAME(parts[2], tensor({8, 9}));
  EXPECT_TRUE(is_view(parts[1], x));
}

TEST(Chunk, GivesPiecesOfASizeOrOfSizes) {
  EXPECT_THAT(sizes(chunk(arange(10), {.size = 4})), ElementsAre(4, 4, 2));
  EXPECT_THAT(sizes(chunk(arange(10), {.sizes = {1, 7, 2}})), ElementsAre(1, 7, 2));
  EXPECT_THAT(sizes(chunk(zeros({2, 7}), {.size = 5, .dim = 1}), 1), ElementsAre(5, 2));
}

TEST(Chunk, RefusesWhatCannotBeCut) {
  EXPECT_ERROR(ArgumentError, chunk(arange(3), 0),
               "[data::chunk] expected a number of pieces of at least 1, got 0.");
  EXPECT_ERROR(ArgumentError, chunk(arange(0), 2),
               "[data::chunk] expected something to cut, got an int64 tensor of shape (0,). Is the "
               "text empty?");
  EXPECT_ERROR(ArgumentError, chunk(arange(3), {.sizes = {1, 1}}),
               "[data::chunk] expected sizes with the sum 3, x's size, got the sum 2.");
  EXPECT_ERROR(ArgumentError, chunk(arange(3), {.size = 1, .sizes = {1, 2}}),
               "[data::chunk] expected a size or sizes, got both.");
  EXPECT_THROW(chunk(arange(3), ChunkOptions{}), ArgumentError);
  EXPECT_THROW(chunk(arange(3), {.sizes = {4, -1}}), ArgumentError);
  EXPECT_THROW(chunk(arange(3), 2, 1), ShapeError);
  EXPECT_THROW(chunk(Tensor(), 2), ShapeError);
}

TEST(Partition, CutsTheTimeOfABatch) {
  auto x = arange(14).reshape({2, 7});
  auto parts = partition(x, 3);
  EXPECT_THAT(sizes(parts, 1), ElementsAre(3, 3, 1));
  EXPECT_SAME(parts[1], tensor({3, 4, 5, 10, 11, 12}).reshape({2, 3}));
  EXPECT_TRUE(is_view(parts[2], x));
  EXPECT_THROW(partition(x, 0), ArgumentError);
}

TEST(Batchseq, PadsAtTheEnd) {
  auto batch = batchseq({tensor({1, 2, 3}), tensor({4}), tensor({5, 6})}, 9);
  EXPECT_SAME(batch, tensor({1, 2, 3, 4, 9, 9, 5, 6, 9}).reshape({3, 3}));
  EXPECT_SAME(batch.unbind(1)[1].contiguous(), tensor({2, 9, 6}));  // the second step
  auto floats = batchseq({ones({2, 4}), zeros({0, 4})}, -1);
  EXPECT_SAME(floats, cat({ones({1, 2, 4}), full({1, 2, 4}, -1)}));
}

TEST(Batchseq, RefusesSequencesThatDiffer) {
  EXPECT_THROW(batchseq({}), ArgumentError);
  EXPECT_ERROR(ShapeError, batchseq({zeros({2, 3}), zeros({1, 4})}),
               "[data::batchseq] expected sequences that differ in length alone, got a float32 "
               "tensor of shape (2, 3) first and a float32 tensor of shape (1, 4) at position 1.");
  EXPECT_THROW(batchseq({arange(2), zeros({2})}), ShapeError);
  EXPECT_THROW(batchseq({arange(2), arange(2).reshape({2, 1})}), ShapeError);
  EXPECT_THROW(batchseq({arange(1).select(0, 0)}), ShapeError);
}

TEST(Streams, ARowGoesOnInTheNextStepAndTheTargetIsOneAhead) {
  auto tokens = arange(27);  // 2 rows of 4 steps of 3, one more for the target, two left over
  auto [x, y] = streams(tokens, 2, 3);
  EXPECT_EQ(x.sizes(), Shape({2, 4, 3}));
  EXPECT_SAME(x.select(1, 0).contiguous(), tensor({0, 1, 2, 12, 13, 14}).reshape({2, 3}));
  EXPECT_SAME(x.select(1, 1).contiguous(), tensor({3, 4, 5, 15, 16, 17}).reshape({2, 3}));
  EXPECT_SAME(y, x + 1);
  EXPECT_TRUE(is_view(x, tokens));
  EXPECT_TRUE(is_view(y, tokens));
  EXPECT_EQ(streams(arange(7), 2, 3).x.size(1), 1);
}

TEST(Streams, RefusesATextShorterThanItsSequences) {
  EXPECT_ERROR(ArgumentError, streams(arange(6), 2, 3),
               "[data::streams] expected a text of at least batch * time + 1 = 2 * 3 + 1 symbols, "
               "got 6. Take a smaller batch, shorter sequences or a longer text.");
  EXPECT_THROW(streams(arange(0), 1, 1), ArgumentError);
  EXPECT_THROW(streams(arange(9), 0, 1), ArgumentError);
  EXPECT_THROW(streams(arange(9), 1, 0), ArgumentError);
  EXPECT_THROW(streams(zeros({9}), 1, 1), ShapeError);
  EXPECT_THROW(streams(arange(9).reshape({3, 3}), 1, 1), ShapeError);
}

TEST(SequenceBatches, AreTheChunksOfTheTextAndOfWhatFollowsItsFirstSymbol) {
  for (int64_t n : {23, 24, 26, 40}) {
    SCOPED_TRACE(n);
    auto tokens = arange(n);
    auto batches = sequence_batches(tokens, 4, 3, 99);
    auto xs = partition(batchseq(chunk(tokens, 4), 99), 3);
    auto ys = partition(batchseq(chunk(tokens.narrow(0, 1, n - 1), 4), 99), 3);
    ASSERT_EQ(batches.size(), xs.size());
    for (size_t i = 0; i < xs.size(); ++i) EXPECT_SAME(batches[i], tuple({xs[i], ys[i]}));
  }
}

TEST(SequenceBatches, TheTargetIsOneAheadAtEveryLengthOfTheText) {
  for (int64_t n = 4; n < 40; ++n) {
    SCOPED_TRACE(n);
    std::vector<std::vector<int64_t>> rows(4);
    for (const Tree& batch : sequence_batches(arange(n), 4, 3, -1)) {
      auto x = batch[0].tensor().contiguous(), y = batch[1].tensor().contiguous();
      for (int64_t i = 0; i < x.numel(); ++i) {
        auto a = x.const_data_ptr<int64_t>()[i], b = y.const_data_ptr<int64_t>()[i];
        EXPECT_EQ(b, a == -1 || a == n - 1 ? -1 : a + 1);
        if (a >= 0) rows[static_cast<size_t>(i / x.size(1))].push_back(a);
      }
    }
    std::vector<int64_t> all;
    for (const auto& row : rows) all.insert(all.end(), row.begin(), row.end());
    EXPECT_SAME(tensor(all), arange(n));  // each symbol once, in order
  }
}

TEST(SequenceBatches, RefuseATextShorterThanASequence) {
  EXPECT_ERROR(ArgumentError, sequence_batches(arange(3), 2, 3, 0),
               "[data::sequence_batches] expected a text of at least time + 1 = 4 symbols, got 3. "
               "Take shorter sequences or a longer text.");
}

TEST(SplitBatches, KeepsTheFloorOfTheFractionAndLosesNone) {
  auto [train, test] = split_batches(Rng(0), 39, 0.95);  // 37.05
  EXPECT_EQ(train.size(), 37u);
  EXPECT_EQ(test.size(), 2u);
  auto all = train;
  all.insert(all.end(), test.begin(), test.end());
  EXPECT_FALSE(std::ranges::is_sorted(all));
  std::ranges::sort(all);
  EXPECT_SAME(tensor(all), arange(39));
  EXPECT_EQ(split_batches(Rng(0), 39, 0.95), std::make_pair(train, test));
  EXPECT_NE(split_batches(Rng(1), 39, 0.95).first, train);
  std::vector<std::string> names{"a", "b", "c", "d"};
  auto order = random::permutation_indices(Rng(5), 4);
  auto parts = split_batches(Rng(5), names, 0.5);
  EXPECT_THAT(parts.first, ElementsAre(names[static_cast<size_t>(order[0])],
                                       names[static_cast<size_t>(order[1])]));
  EXPECT_EQ(parts.second.size(), 2u);
  EXPECT_THROW(split_batches(Rng(0), 5, 1.5), ArgumentError);
}

TEST(OneHot, IsOneAtTheLabel) {
  EXPECT_SAME(onehot(7, {5, 7, 9}), tensor({0., 1., 0.}));
  EXPECT_SAME(onehot(8, {5, 7, 9}, 9), tensor({0., 0., 1.}));
  auto a = Alphabet::of("abc");
  EXPECT_SAME(onehot("b", a), tensor({0., 1., 0.}));
  EXPECT_SAME(onehot("x", a, "c"), tensor({0., 0., 1.}));
  EXPECT_ERROR(ArgumentError, onehot(8, {5, 7, 9}),
               "[data::onehot] expected labels of 5, 7, 9, got 8.");
  EXPECT_THROW(onehot(8, {5, 7, 9}, 6), ArgumentError);
  EXPECT_THROW(onehot("x", a), ArgumentError);
  EXPECT_THROW(onehot(1, {}), ArgumentError);
}

TEST(OneHot, ABatchHasTheLabelsOnTheLastDimension) {
  auto hot = onehotbatch(tensor({2, 0, 1, 1}).reshape({2, 2}), 3);
  EXPECT_SAME(hot, tensor({0., 0., 1., 1., 0., 0., 0., 1., 0., 0., 1., 0.}).reshape({2, 2, 3}));
  EXPECT_SAME(onehotbatch(tensor({9, 5, 6}), {5, 9}, 5),
              tensor({0., 1., 1., 0., 1., 0.}).reshape({3, 2}));
  EXPECT_SAME(onehotbatch("cab", Alphabet::of("abc")),
              tensor({0., 0., 1., 1., 0., 0., 0., 1., 0.}).reshape({3, 3}));
  EXPECT_SAME(onehotbatch(tensor({true, false}), 2), tensor({0., 1., 1., 0.}).reshape({2, 2}));
}

TEST(OneHot, ALabelOutsideIsNamedWithItsPosition) {
  EXPECT_ERROR(ArgumentError, onehotbatch(tensor({0, 1, 3, 0}).reshape({2, 2}), 3),
               "[data::onehotbatch] expected labels from 0 to 2, got 3 at position (1, 0).");
  EXPECT_ERROR(ArgumentError, onehotbatch(tensor({0, -1}), 3),
               "[data::onehotbatch] expected labels from 0 to 2, got -1 at position 1.");
  EXPECT_THROW(onehotbatch(zeros({2}), 3), ShapeError);
  EXPECT_THROW(onehotbatch(arange(2), 0), ArgumentError);
}

TEST(OneCold, UndoesOneHot) {
  auto xs = tensor({5, 9, 7, 5}).reshape({2, 2});
  EXPECT_SAME(onecold(onehotbatch(xs, {5, 7, 9}), {5, 7, 9}), xs);
  EXPECT_SAME(onecold(tensor({0.1, 0.7, 0.7, 0.2}).reshape({2, 2})), tensor({1, 0}));
  EXPECT_SAME(onecold(tensor({false, true})).reshape({1}), tensor({1}));
  auto a = Alphabet::of("abc");
  EXPECT_EQ(onecold(onehotbatch("cab", a), a), "cab");
  EXPECT_THROW(onecold(zeros({2, 4}), a), ShapeError);
  EXPECT_THROW(onecold(zeros({2, 4}), {1, 2}), ShapeError);
  EXPECT_THROW(onecold(zeros({})), ShapeError);
}

}  // namespace
}  // namespace luxtorch::data
