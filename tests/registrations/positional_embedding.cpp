// PositionalEmbedding.
#include "luxtorch/core/values.h"
#include "luxtorch/layers/positions.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_positional_embedding(+[] {
  const Tree x = input({4, 5, 3});
  auto of = [](const Tree& x) {
    return [=] {
      PositionalEmbedding layer(6, 3);
      auto [ps, st] = setup(Rng(0), layer);
      (void)apply<Tree>(layer, x, ps, st);
    };
  };
  auto at = [=](const Tensor& positions) { return of(tuple({x, positions})); };
  return LayerRegistration{
      .name = "PositionalEmbedding",
      .rows = {with_normals(row("PositionalEmbedding", PositionalEmbedding(6, 3), x, {18, 0})),
               row("PositionalEmbeddingOfUniforms",
                   PositionalEmbedding(5, 3, {.init_weight = init::Uniform{-1, 1}}), x, {15, 0}),
               without_rows(row("PositionalEmbeddingAtPositions",
                                PositionalEmbedding(7, 3, {.init_weight = init::Uniform{-1, 1}}),
                                tuple({x, tensor({6, 0, 2, 2, 1})}), {21, 0}))},
      .golden = {{"batch", PositionalEmbedding(7, 4)}, {"one_sample", PositionalEmbedding(5, 4)}},
      .compared = [] { return PositionalEmbedding(64, 16); },
      .refusals =
          {refuses<ArgumentError>("[PositionalEmbedding] expected max_length of at least 1, got 0.",
                                  [] { PositionalEmbedding(0, 3); }),
           refuses<ArgumentError>("[PositionalEmbedding] expected dims of at least 1, got 0.",
                                  [] { PositionalEmbedding(6, 0); }),
           refuses<ShapeError>(
               "[PositionalEmbedding] expected x of shape (batch, time, 3), got (4, 5).",
               of(input({4, 5}))),
           refuses<ShapeError>("[PositionalEmbedding] expected at most 6 time steps, got 7.",
                               of(input({4, 7, 3}))),
           refuses<ShapeError>(
               "[PositionalEmbedding] expected positions, integers of shape (time,) "
               "or (batch, time) = (4, 5), got int64 of shape (4,).",
               at(tensor({0, 1, 2, 3}))),
           refuses<ShapeError>(
               "[PositionalEmbedding] expected positions, integers of shape (time,) "
               "or (batch, time) = (4, 5), got float32 of shape (5,).",
               at(input({5}).tensor())),
           refuses<ShapeError>("[PositionalEmbedding] expected positions from 0 to 5, got others.",
                               at(tensor({2, 3, 4, 5, 6})))},
      .labels = {{"PositionalEmbedding(6 => 3)", PositionalEmbedding(6, 3)}},
      .digest = "e888b3a733d25c55"};
});

}  // namespace
}  // namespace luxtorch::testing
