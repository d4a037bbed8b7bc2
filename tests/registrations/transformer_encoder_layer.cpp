// TransformerEncoderLayer.
#include "luxtorch/layers/transformer.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_transformer_encoder_layer(+[] {
  using Encoder = TransformerEncoderLayer;
  const Tree x = input({4, 5, 6}), wide = input({4, 5, 8});
  auto of = [](const Encoder& layer, const Tree& x) {
    return [=] {
      auto [ps, st] = setup(Rng(0), layer);
      (void)apply<Tree>(layer, x, ps, st);
    };
  };
  const TransformerLayerOptions swiglu{.nheads = 4,
                                       .hidden = 5,
                                       .activation = swish,
                                       .norm = TransformerNorm::RMSNorm,
                                       .gated = true,
                                       .kv_heads = 2,
                                       .rotary = {{.max_sequence_length = 6}},
                                       .is_causal = true,
                                       .use_bias = false};
  return LayerRegistration{
      .name = "TransformerEncoderLayer",
      .rows = {row("EncoderLayer", Encoder(6, {.nheads = 2, .hidden = 5}), x, {263, 0}),
               row("EncoderLayerPostNorm",
                   Encoder(6, {.nheads = 3,
                               .hidden = 5,
                               .activation = tanh,
                               .norm_first = false,
                               .use_bias = false}),
                   x, {216, 0}),
               row("EncoderLayerCausal", Encoder(6, {.nheads = 2, .hidden = 5, .is_causal = true}),
                   x, {263, 0}),
               row("EncoderLayerNoBias", Encoder(6, {.hidden = 5, .use_bias = false}), x, {216, 0}),
               row("EncoderLayerSwiGLU", Encoder(8, swiglu), wide, {328, 12}),
               row("EncoderLayerQKNorm",
                   Encoder(6, {.nheads = 2, .hidden = 5, .epsilon = 1e-3, .qk_norm = true}), x,
                   {269, 0}),
               row("EncoderLayerDropout",
                   Encoder(6, {.nheads = 2, .hidden = 5, .dropout = 0.3, .use_bias = false}), x,
                   {216, 8}),
               without_rows(row("EncoderLayerOfOneSample", Encoder(6, {.nheads = 2, .hidden = 5}),
                                input({5, 6}), {263, 0}))},
      .golden = {{"pre_norm", Encoder(6, {.nheads = 2, .hidden = 8})},
                 {"post_norm",
                  Encoder(6, {.nheads = 3, .hidden = 5, .activation = relu, .norm_first = false})},
                 {"causal",
                  Encoder(6, {.nheads = 2, .hidden = 5, .activation = relu, .is_causal = true})},
                 {"no_bias", Encoder(6, {.nheads = 2,
                                         .hidden = 5,
                                         .activation = relu,
                                         .norm_first = false,
                                         .epsilon = 1e-2,
                                         .use_bias = false})},
                 {"one_sample",
                  Encoder(6, {.nheads = 2, .hidden = 5, .activation = relu, .norm_first = false})},
                 {"gated", Encoder(8, swiglu)}},
      .compared = [] { return Encoder(32, {.nheads = 4, .is_causal = true}); },
      .refusals =
          {refuses<ArgumentError>("[TransformerEncoderLayer] expected dims of at least 1, got 0.",
                                  [] { Encoder(0); }),
           refuses<ArgumentError>(
               "[TransformerEncoderLayer] expected .nheads of at least 1, got 0.",
               [] { Encoder(8, {.nheads = 0}); }),
           refuses<ArgumentError>(
               "[TransformerEncoderLayer] expected dims divisible by .nheads, got 8 and 3.",
               [] { Encoder(8, {.nheads = 3}); }),
           refuses<ArgumentError>(
               "[MultiHeadAttention] expected .nheads divisible by .kv_heads, got 4 and 3.",
               [] { Encoder(8, {.nheads = 4, .kv_heads = 3}); }),
           refuses<ArgumentError>("[TransformerEncoderLayer] expected .hidden of at least 1, or 0 "
                                  "for the default, got -1.",
                                  [] { Encoder(8, {.hidden = -1}); }),
           refuses<ArgumentError>(
               "[TransformerEncoderLayer] expected .dropout from 0 to below 1, got 1.",
               [] { Encoder(8, {.dropout = 1}); }),
           refuses<ArgumentError>(
               "[TransformerEncoderLayer] expected .epsilon of at least 0, got -1.",
               [] { Encoder(8, {.epsilon = -1}); }),
           refuses<ShapeError>(
               "[TransformerEncoderLayer] expected x of shape (batch, time, 8), got (4, 5, 6).",
               of(Encoder(8), x)),
           refuses<ShapeError>(
               "[TransformerEncoderLayer] expected x of shape (batch, time, 6), got (6,).",
               of(Encoder(6), input({6}))),
           refuses<ShapeError>(
               "[TransformerEncoderLayer] expected x of dtype float32 like the parameters, got "
               "float64. Convert one of them: x.to(...) or tree::to(ps, ...).",
               of(Encoder(6), tree::to(x, kFloat64))),
           refuses<ShapeError>(
               "[MultiHeadAttention] at self_attn: expected a mask whose shape broadcasts to "
               "(batch, heads, queries, keys) = (4, 2, 5, 5), got (5, 4).",
               of(Encoder(6, {.nheads = 2}), tuple({x, input({5, 4}).tensor().gt(0)})))},
      .labels = {{"TransformerEncoderLayer(24, nheads=4)", Encoder(24, {.nheads = 4})},
                 {"TransformerEncoderLayer(24, nheads=4, hidden=48, activation=swish, dropout=0.5, "
                  "norm=RMSNorm, epsilon=0.001, gated=true, kv_heads=2, "
                  "rotary=RotaryPositionalEmbedding(6), use_bias=false, qk_norm=true, "
                  "cache_length=7)",
                  Encoder(24, {.nheads = 4,
                               .hidden = 48,
                               .activation = swish,
                               .dropout = 0.5,
                               .norm = TransformerNorm::RMSNorm,
                               .epsilon = 1e-3,
                               .gated = true,
                               .kv_heads = 2,
                               .rotary = RotaryPositionalEmbeddingOptions{},
                               .use_bias = false,
                               .qk_norm = true,
                               .cache_length = 7})},
                 {"TransformerEncoderLayer(24, nheads=1, norm_first=false, is_causal=true)",
                  Encoder(24, {.norm_first = false, .is_causal = true})}},
      .digest = "c2b9de445340c875"};
});

}  // namespace
}  // namespace luxtorch::testing
