// MultiHeadAttention, and the cell of its key-value cache.
#include "luxtorch/layers/attention.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const DenseOptions kBiases{};

const Registration registered_multi_head_attention(+[] {
  using MHA = MultiHeadAttention;
  const Tree x = input({4, 5, 8}), kv = input({4, 3, 8}, 1);
  const AttentionDims other{.q_in = 6, .k_in = 4, .v_in = 3, .qk = 8, .v = 4, .out = 5};
  auto of = [](const MHA& layer, const Tree& x) {
    return [=] {
      auto [ps, st] = setup(Rng(0), layer);
      (void)apply<Tree>(layer, x, ps, st);
    };
  };
  return LayerRegistration{
      .name = "MultiHeadAttention",
      .rows = {row("Attention", MHA(8, {.nheads = 2}), x, {256, 0}),
               row("AttentionCausal", MHA(8, {.nheads = 2, .is_causal = true}), x, {256, 0}),
               row("AttentionGrouped", MHA(8, {.nheads = 4, .kv_heads = 2}), x, {192, 0}),
               row("AttentionRotary",
                   // With rotary alone a bias of the keys changes y.
                   MHA(8, {.nheads = 2, .dense = kBiases, .rotary = {{.max_sequence_length = 6}}}),
                   x, {288, 24}),
               row("AttentionAlibi", MHA(8, {.nheads = 2, .alibi = true}), x, {256, 0}),
               row("AttentionQKNorm", MHA(8, {.nheads = 2, .qk_norm = true}), x, {264, 0}),
               row("AttentionDropout", MHA(8, {.nheads = 2, .attention_dropout_probability = 0.3}),
                   x, {256, 2}),
               row("AttentionScores", MHA(8, {.nheads = 2, .return_scores = true}), x, {256, 0}),
               row("AttentionCross", MHA(8, {.nheads = 2}), tuple({x, kv}), {256, 0}),
               row("AttentionOtherSizes", MHA(other, {.nheads = 2}),
                   tuple({input({4, 5, 6}), input({4, 3, 4}, 1), input({4, 3, 3}, 2)}), {112, 0}),
               without_rows(row("AttentionMasked", MHA(8, {.nheads = 2, .is_causal = true}),
                                tuple({x, x, x, input({4, 2, 5, 5}, 3).tensor().gt(-0.5)}),
                                {256, 0})),
               without_rows(
                   row("AttentionOfOneSample", MHA(8, {.nheads = 2}), input({5, 8}), {256, 0}))},
      .golden = {{"self", MHA(8, {.nheads = 2, .dense = kBiases})},
                 {"no_bias", MHA(6, {.nheads = 3})},
                 {"causal", MHA(6, {.nheads = 2, .dense = kBiases, .is_causal = true})},
                 {"one_sample", MHA(6, {.nheads = 2, .dense = kBiases})},
                 {"cross", MHA(8, {.nheads = 4, .dense = kBiases})},
                 {"other_sizes", MHA(AttentionDims{.q_in = 6, .k_in = 4, .v_in = 3},
                                     {.nheads = 2, .dense = kBiases})},
                 {"grouped", MHA(8, {.nheads = 4,
                                     .kv_heads = 2,
                                     .is_causal = true,
                                     .rotary = {{.max_sequence_length = 6}},
                                     .qk_norm = true})}},
      .compared = [] { return MHA(32, {.nheads = 4, .dense = kBiases, .is_causal = true}); },
      .refusals =
          {refuses<ArgumentError>("[MultiHeadAttention] expected q_in of at least 1, got 0.",
                                  [] { MHA(0); }),
           refuses<ArgumentError>("[MultiHeadAttention] expected .nheads of at least 1, got 0.",
                                  [] { MHA(8, {.nheads = 0}); }),
           refuses<ArgumentError>(
               "[MultiHeadAttention] expected qk divisible by .nheads, got 8 and 3.",
               [] { MHA(8, {.nheads = 3}); }),
           refuses<ArgumentError>(
               "[MultiHeadAttention] expected .nheads divisible by .kv_heads, got 4 and 3.",
               [] { MHA(8, {.nheads = 4, .kv_heads = 3}); }),
           refuses<ArgumentError>(
               "[MultiHeadAttention] expected .cache_length of at least 0, got -1.",
               [] { MHA(8, {.cache_length = -1}); }),
           refuses<ArgumentError>("[MultiHeadAttention] expected .attention_dropout_probability "
                                  "from 0 to below 1, got 1.",
                                  [] { MHA(8, {.attention_dropout_probability = 1}); }),
           refuses<ArgumentError>(
               "[MultiHeadAttention] expected heads of an even size with .rotary, got 3.",
               [] { MHA(6, {.nheads = 2, .rotary = RotaryPositionalEmbeddingOptions{}}); }),
           refuses<ShapeError>(
               "[MultiHeadAttention] expected x of shape (batch, time, 8), got (4, 5, 6).",
               of(MHA(8), input({4, 5, 6}))),
           refuses<ShapeError>(
               "[MultiHeadAttention] expected k of shape (batch, keys, 8) and q's batch size, got "
               "(3, 3, 8) beside q (4, 5, 8) and k (3, 3, 8).",
               of(MHA(8), tuple({x, input({3, 3, 8})}))),
           refuses<ShapeError>(
               "[MultiHeadAttention] expected v of shape (batch, keys, 8) and q's batch size, got "
               "(4, 5, 8) beside q (4, 5, 8) and k (4, 3, 8).",
               of(MHA(8), tuple({x, kv, x}))),
           refuses<ShapeError>(
               "[MultiHeadAttention] expected a mask whose shape broadcasts to (batch, heads, "
               "queries, keys) = (4, 2, 5, 3), got (5, 4).",
               of(MHA(8, {.nheads = 2}), tuple({x, kv, kv, input({5, 4}).tensor().gt(0)}))),
           refuses<ShapeError>(
               "[MultiHeadAttention] expected a mask of booleans, true where a query may attend to "
               "a key, got float32.",
               of(MHA(8, {.nheads = 2}), tuple({x, kv, kv, input({5, 3})}))),
           refuses<ShapeError>("[MultiHeadAttention] expected at most 4 tokens, as .rotary has "
                               "positions (.max_sequence_length), got 5.",
                               of(MHA(8, {.rotary = {{.max_sequence_length = 4}}}), x))},
      .labels = {{"MultiHeadAttention(8 => (8, 8) => 8; nheads=2)", MHA(8, {.nheads = 2})},
                 {"MultiHeadAttention((6, 4, 3) => (8, 4) => 5; nheads=2)",
                  MHA(other, {.nheads = 2})},
                 {"MultiHeadAttention(8 => (8, 8) => 8; nheads=2, use_bias=true, "
                  "attention_dropout_probability=0.25, return_scores=true, "
                  "rotary=RotaryPositionalEmbedding(4), epsilon=0.001)",
                  MHA(8, {.nheads = 2,
                          .dense = {},
                          .attention_dropout_probability = 0.25,
                          .return_scores = true,
                          .rotary = RotaryPositionalEmbeddingOptions{},
                          .epsilon = 1e-3})},
                 {"MultiHeadAttention(8 => (8, 8) => 8; nheads=4, kv_heads=2, is_causal=true, "
                  "alibi=true, qk_norm=true, cache_length=9)",
                  MHA(8, {.nheads = 4,
                          .kv_heads = 2,
                          .is_causal = true,
                          .alibi = true,
                          .qk_norm = true,
                          .cache_length = 9})}},
      .digest = "564ed5b45504b108"};
});

const Registration registered_kvcache_cell(+[] {
  const MultiHeadAttention attention(
      8, {.nheads = 4, .kv_heads = 2, .is_causal = true, .rotary = {{.max_sequence_length = 8}}});
  const KVCacheCell cell(attention);
  const Tree x = input({4, 3, 8}), carry = tuple({input({4, 2, 5, 2}, 1), input({4, 2, 5, 2}, 2)});
  return LayerRegistration{
      .name = "KVCacheCell",
      .rows = {row("KVCacheCell", cell, x, {192, 16}),
               row("KVCacheCellWithCarry", cell, tuple({x, carry}), {192, 16})},
      .golden_in = "layers/attention_test.cpp",
      .no_comparison = "torch.nn has no such module",
      .labels = {{"KVCacheCell", cell}},
      .digest = "1fcc2618584e168d"};
});

}  // namespace
}  // namespace luxtorch::testing
