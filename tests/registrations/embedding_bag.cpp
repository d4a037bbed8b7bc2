// EmbeddingBag.
#include "luxtorch/layers/embedding_bag.h"

#include "luxtorch/core/values.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_embedding_bag(+[] {
  using enum BagMode;
  const Tensor tokens = tensor({0, 2, 1, 1, 0, 2, 2, 2, 1, 0, 0, 1}).reshape({4, 3}),
               lengths = tensor({3, 0, 2, 1});
  const Tree both = tuple({tokens, lengths});
  auto bag = [](BagMode mode, std::optional<int64_t> padding = {}) {
    return EmbeddingBag(4, 2, {.mode = mode, .padding_idx = padding, .init_weight = init::rand});
  };
  auto of = [bag](const Tree& x) {
    return [=] {
      auto layer = bag(Sum);
      auto [ps, st] = setup(Rng(0), layer);
      (void)apply<Tree>(layer, x, ps, st);
    };
  };
  return LayerRegistration{
      .name = "EmbeddingBag",
      .rows = {without_rows(row("EmbeddingBag", bag(Mean), tokens, {8, 0})),
               without_rows(row("EmbeddingBagOfASum", bag(Sum, 3), tokens, {8, 0})),
               without_rows(row("EmbeddingBagOfAMaximum", bag(Max), tokens, {8, 0})),
               without_rows(row("EmbeddingBagOfLengths", bag(Mean), both, {8, 0})),
               without_rows(row("EmbeddingBagMaximumOfLengths", bag(Max, 2), both, {8, 0})),
               without_rows(row("EmbeddingBagOfOneBag", bag(Sum), tokens[0], {8, 0})),
               with_normals(
                   without_rows(row("EmbeddingBagOfNormals", EmbeddingBag(4, 2), tokens, {8, 0})))},
      .golden_in = "layers/embedding_golden_test.cpp",
      .no_comparison = "its input is tokens, and the comparison's data are normal numbers",
      .refusals =
          {refuses<ArgumentError>("[EmbeddingBag] expected vocabulary of at least 1, got 0.",
                                  [] { EmbeddingBag(0, 2); }),
           refuses<ArgumentError>("[EmbeddingBag] expected dims of at least 1, got -1.",
                                  [] { EmbeddingBag(2, -1); }),
           refuses<ArgumentError>("[EmbeddingBag] expected .padding_idx from -4 to 3, got 4.",
                                  [bag] { bag(Sum, 4); }),
           refuses<ShapeError>(
               "[EmbeddingBag] expected tokens of shape (..., bag), integers from 0 "
               "to 3, got float32 of shape (4, 3).",
               of(input({4, 3}))),
           refuses<ShapeError>(
               "[EmbeddingBag] expected tokens of shape (..., bag), integers from 0 "
               "to 3, got int64 of shape ().",
               of(tokens[0][0])),
           refuses<ShapeError>(
               "[EmbeddingBag] expected tokens from 0 to 3, vocabulary being 4, got 5 at (0, 1).",
               of(tokens + tensor({0, 3, 0}))),
           refuses<ShapeError>(
               "[EmbeddingBag] expected lengths of shape (4,), integers from 0 to 3, "
               "got int64 of shape (3,).",
               of(tuple({tokens, lengths.narrow(0, 0, 3)}))),
           refuses<ShapeError>(
               "[EmbeddingBag] expected lengths of shape (4,), integers from 0 to 3, "
               "got float32 of shape (4,).",
               of(tuple({tokens, input({4})}))),
           refuses<ShapeError>(
               "[EmbeddingBag] expected lengths from 0 to 3, got others among them.",
               of(tuple({tokens, lengths + 1})))},
      .labels = {{"EmbeddingBag(4 => 2, mean)", EmbeddingBag(4, 2)},
                 {"EmbeddingBag(4 => 2, max, padding_idx=3)", bag(Max, -1)}},
      .digest = "b2956f5199bfe51c"};
});

}  // namespace
}  // namespace luxtorch::testing
