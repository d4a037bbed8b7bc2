// RotaryPositionalEmbedding.
#include "luxtorch/core/values.h"
#include "luxtorch/layers/positions.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_rotary_positional_embedding(+[] {
  using Rotary = RotaryPositionalEmbedding;
  const Tree x = input({4, 5, 2, 6});
  auto of = [](const Tree& x) {
    return [=] {
      Rotary layer(4, {.max_sequence_length = 6});
      auto [ps, st] = setup(Rng(0), layer);
      (void)apply<Tree>(layer, x, ps, st);
    };
  };
  return LayerRegistration{
      .name = "RotaryPositionalEmbedding",
      .rows = {row("Rotary", Rotary(6, {.max_sequence_length = 8}), x, {0, 48}),
               row("RotaryDoubled",
                   Rotary(6, {.max_sequence_length = 5, .low_memory_variant = false}), x, {0, 60}),
               row("RotaryInterleaved", Rotary(6, {.max_sequence_length = 5, .interleaved = true}),
                   x, {0, 30}),
               row("RotaryOfSomeFeatures", Rotary(4, {.max_sequence_length = 5, .base = 500.5}), x,
                   {0, 20}),
               without_rows(row("RotaryAtPositions", Rotary(6, {.max_sequence_length = 7}),
                                tuple({x, tensor({6, 0, 2, 2, 1})}), {0, 42})),
               without_rows(row("RotaryOfOneSample", Rotary(6, {.max_sequence_length = 5}),
                                input({5, 2, 6}), {0, 30}))},
      .golden = {{"halves", Rotary(6, {.max_sequence_length = 7})},
                 {"doubled", Rotary(4, {.max_sequence_length = 5, .low_memory_variant = false})},
                 {"interleaved", Rotary(6, {.max_sequence_length = 5, .interleaved = true})},
                 {"some_features", Rotary(4, {.max_sequence_length = 6})}},
      .no_comparison = "torch.nn has no such module",
      .refusals =
          {refuses<ArgumentError>(
               "[RotaryPositionalEmbedding] expected an even dim of at least 2, got 5.",
               [] { Rotary(5); }),
           refuses<ArgumentError>("[RotaryPositionalEmbedding] expected .max_sequence_length of at "
                                  "least 1, got 0.",
                                  [] { Rotary(4, {.max_sequence_length = 0}); }),
           refuses<ArgumentError>("[RotaryPositionalEmbedding] expected .base above 0, got 0.",
                                  [] { Rotary(4, {.base = 0}); }),
           refuses<ShapeError>(
               "[RotaryPositionalEmbedding] expected x of shape (batch, time, heads, "
               "4 or more) or without batch, and of a floating dtype, got float32 "
               "of shape (4, 3).",
               of(input({4, 3}))),
           refuses<ShapeError>("[RotaryPositionalEmbedding] expected at most 6 time steps, got 7.",
                               of(input({4, 7, 2, 4}))),
           refuses<ShapeError>(
               "[RotaryPositionalEmbedding] expected positions from 0 to 5, got others.",
               of(tuple({input({1, 2, 2, 4}), tensor({5, 6})})))},
      .labels = {{"RotaryPositionalEmbedding(16)", Rotary(16)},
                 {"RotaryPositionalEmbedding(16, low_memory_variant=false, interleaved=true)",
                  Rotary(16, {.low_memory_variant = false, .interleaved = true})}},
      .digest = "3ce290519696b481"};
});

}  // namespace
}  // namespace luxtorch::testing
