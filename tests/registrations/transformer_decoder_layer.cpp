// TransformerDecoderLayer.
#include "luxtorch/layers/transformer.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_transformer_decoder_layer(+[] {
  using Decoder = TransformerDecoderLayer;
  const Tree x = tuple({input({4, 5, 6}), input({4, 3, 6}, 1)});
  auto of = [](const Decoder& layer, const Tree& x) {
    return [=] {
      auto [ps, st] = setup(Rng(0), layer);
      (void)apply<Tree>(layer, x, ps, st);
    };
  };
  return LayerRegistration{
      .name = "TransformerDecoderLayer",
      .rows = {row("DecoderLayer", Decoder(6, {.nheads = 2, .hidden = 5}), x, {443, 0}),
               row("DecoderLayerPostNorm",
                   Decoder(6, {.nheads = 3,
                               .hidden = 5,
                               .activation = tanh,
                               .norm_first = false,
                               .use_bias = false}),
                   x, {366, 0}),
               row("DecoderLayerSwiGLU",
                   Decoder(6, {.nheads = 3,
                               .hidden = 4,
                               .activation = swish,
                               .norm = TransformerNorm::RMSNorm,
                               .gated = true,
                               .kv_heads = 1,
                               .rotary = {{.max_sequence_length = 6}},
                               .is_causal = true,
                               .use_bias = false}),
                   x, {282, 12}),
               row("DecoderLayerDropout",
                   Decoder(6, {.nheads = 2, .hidden = 5, .dropout = 0.3, .use_bias = false}), x,
                   {366, 12}),
               without_rows(row("DecoderLayerOfOneSample", Decoder(6, {.nheads = 2, .hidden = 5}),
                                tuple({input({5, 6}), input({3, 6}, 1)}), {443, 0}))},
      .golden = {{"pre_norm", Decoder(6, {.nheads = 2, .hidden = 8})},
                 {"post_norm",
                  Decoder(6, {.nheads = 3, .hidden = 5, .activation = relu, .norm_first = false})},
                 {"causal",
                  Decoder(6, {.nheads = 2, .hidden = 5, .activation = relu, .is_causal = true})},
                 {"no_bias", Decoder(6, {.nheads = 2,
                                         .hidden = 5,
                                         .activation = relu,
                                         .norm_first = false,
                                         .use_bias = false})},
                 {"one_sample",
                  Decoder(6, {.nheads = 2, .hidden = 5, .activation = relu, .norm_first = false})}},
      .no_comparison = "its parts are compared as those of TransformerEncoderLayer",
      .refusals =
          {refuses<ArgumentError>(
               "[TransformerDecoderLayer] expected dims divisible by .nheads, got 8 and 3.",
               [] { Decoder(8, {.nheads = 3}); }),
           refuses<ShapeError>(
               "[TransformerDecoderLayer] expected x of shape (batch, time, 8), got (4, 5, 6).",
               of(Decoder(8), x)),
           refuses<ShapeError>(
               "[MultiHeadAttention] at multihead_attn: expected k of shape (batch, keys, 6) and "
               "q's batch size, got (2, 3, 6) beside q (4, 5, 6) and k (2, 3, 6).",
               of(Decoder(6), tuple({x[0], input({2, 3, 6})}))),
           refuses<ShapeError>(
               "[MultiHeadAttention] at self_attn: expected a mask whose shape broadcasts to "
               "(batch, heads, queries, keys) = (4, 2, 5, 5), got (5, 3).",
               of(Decoder(6, {.nheads = 2}), tuple({x[0], x[1], input({5, 3}).tensor().gt(0)}))),
           refuses<ShapeError>(
               "[MultiHeadAttention] at multihead_attn: expected a mask whose shape broadcasts to "
               "(batch, heads, queries, keys) = (4, 2, 5, 3), got (5, 5).",
               of(
                   Decoder(6, {.nheads = 2}), tuple({x[0], x[1], input({5, 5}).tensor().gt(0),
                                                     input({5, 5}).tensor().gt(0)})))},
      .labels = {{"TransformerDecoderLayer(24, nheads=4, is_causal=true)",
                  Decoder(24, {.nheads = 4, .is_causal = true})}},
      .digest = "ee81afbdb4fcd289"};
});

}  // namespace
}  // namespace luxtorch::testing
