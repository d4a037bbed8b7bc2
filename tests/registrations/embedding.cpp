// Embedding.
#include "luxtorch/layers/embedding.h"

#include "luxtorch/core/ops.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_embedding(+[] {
  auto tokens = tensor({0, 2, 1, 1, 0, 2, 2, 2, 1, 0, 0, 1}).reshape({4, 3});
  auto of_pairs = [](const Tree& x) {
    return [=] {
      const Embedding layer({3, 4}, 2);
      auto [ps, st] = setup(Rng(0), layer);
      (void)apply<Tree>(layer, x, ps, st);
    };
  };
  return LayerRegistration{
      .name = "Embedding",
      .rows = {with_normals(without_rows(row("Embedding", Embedding(4, 2), tokens, {8, 0}))),
               without_rows(row("EmbeddingOfAVector", Embedding(3, 2, {.init_weight = init::rand}),
                                tokens.select(1, 0), {6, 0})),
               // Without the token itself: its row has no gradient, and y has its values.
               without_rows(row("EmbeddingWithPadding",
                                Embedding(4, 2, {.init_weight = init::rand, .padding_idx = -1}),
                                tokens, {8, 0})),
               without_rows(row("EmbeddingOfPairs",
                                Embedding({3, 4}, 2, {.init_weight = init::rand}),
                                tuple({tokens, tokens + 1}), {24, 0})),
               without_rows(row("EmbeddingOfTriples",
                                Embedding({3, 4, 3}, 2, {.init_weight = init::rand}),
                                tuple({tokens, tokens + 1, tokens.flip(0)}), {72, 0})),
               without_rows(row("EmbeddingOfFour",
                                Embedding({3, 3, 3, 3}, 1, {.init_weight = init::rand}),
                                tuple({tokens, tokens, tokens, tokens.flip(0)}), {81, 0}))},
      .golden_in = "layers/embedding_golden_test.cpp",
      .compared_in = "cases/layers.cpp",
      .refusals =
          {refuses<ArgumentError>("[Embedding] expected 1 to 4 vocabularies, got 0.",
                                  [] { Embedding(std::vector<int64_t>{}, 2); }),
           refuses<ArgumentError>("[Embedding] expected 1 to 4 vocabularies, got 5.",
                                  [] { Embedding({2, 2, 2, 2, 2}, 2); }),
           refuses<ArgumentError>("[Embedding] expected vocabulary of at least 1, got 0.",
                                  [] { Embedding({2, 0}, 2); }),
           refuses<ArgumentError>("[Embedding] expected .padding_idx from -3 to 2, got 3.",
                                  [] { Embedding(3, 2, {.padding_idx = 3}); }),
           refuses<ArgumentError>(
               "[Embedding] expected .padding_idx with one vocabulary, got 2 of them.",
               [] { Embedding({3, 4}, 2, {.padding_idx = 0}); }),
           refuses<ShapeError>(
               "[Embedding] expected a tensor of tokens for each of 2 vocabularies, got 1.",
               of_pairs(tokens)),
           refuses<ShapeError>(
               "[Embedding] expected a tensor of tokens for each of 2 vocabularies, got 3.",
               of_pairs(tuple({tokens, tokens, tokens}))),
           refuses<ShapeError>("[Embedding] expected tokens of one shape, got (4, 3) and (4,).",
                               of_pairs(tuple({tokens, tokens.select(1, 0)}))),
           refuses<ShapeError>(
               "[Embedding] expected tokens from 0 to 3, vocabulary being 4, got 4 at (0, 1).",
               of_pairs(tuple({tokens, tokens + 2})))},
      .labels = {{"Embedding((3, 4) => 2)", Embedding({3, 4}, 2)},
                 {"Embedding(4 => 2, padding_idx=3)", Embedding(4, 2, {.padding_idx = -1})}},
      .digest = "c5a783b9ff8ccd26"};
});

}  // namespace
}  // namespace luxtorch::testing
