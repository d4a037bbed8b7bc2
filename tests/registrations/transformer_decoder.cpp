// TransformerDecoder.
#include "luxtorch/layers/transformer.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

// The decoder with its own input as the memory.
struct OfItself {
  TransformerDecoder decoder;
  LUXTORCH_LAYERS(decoder)
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    auto [y, next] = decoder(x, x, ps["decoder"], st["decoder"]);
    return {std::move(y), st.with("decoder", std::move(next))};
  }
};

const Registration registered_transformer_decoder(+[] {
  using DecoderLayer = TransformerDecoderLayer;
  using Stack = TransformerDecoder;
  const Tree x = tuple({input({4, 3, 4}), input({4, 2, 4}, 1)});
  const DecoderLayer small(4, {.nheads = 2, .hidden = 3, .is_causal = true, .use_bias = false});
  const DecoderLayer dropping(4, {.nheads = 2, .hidden = 3, .dropout = 0.3, .use_bias = false});
  const DecoderLayer post_norm(6,
                               {.nheads = 3, .hidden = 5, .activation = relu, .norm_first = false});
  auto of = [](const Stack& stack, const Tree& x) {
    return [=] {
      auto [ps, st] = setup(Rng(0), stack);
      (void)apply<Tree>(stack, x, ps, st);
    };
  };
  return LayerRegistration{
      .name = "TransformerDecoder",
      .rows = {row("DecoderStack", Stack(small, 2), x, {328, 0}),
               row("DecoderStackNorm", Stack(small, 2, {.norm = true}), x, {332, 0}),
               row("DecoderStackRMSNorm",
                   Stack(DecoderLayer(
                             4, {.hidden = 3, .norm = TransformerNorm::RMSNorm, .use_bias = false}),
                         1, {.norm = true}),
                   x, {168, 0}),
               row("DecoderStackCheckpointed", Stack(dropping, 1, {.checkpointed = true}), x,
                   {164, 12})},
      .golden = {{"pre_norm",
                  Stack(DecoderLayer(8, {.nheads = 2, .hidden = 5}), 2, {.norm = true})},
                 {"causal", Stack(DecoderLayer(8, {.nheads = 2, .hidden = 5, .is_causal = true}), 2,
                                  {.norm = true, .checkpointed = true})},
                 {"post_norm", Stack(post_norm, 1)}},
      .compared =
          [] {
            return OfItself{
                Stack(DecoderLayer(32, {.nheads = 4, .is_causal = true}), 2, {.norm = true})};
          },
      .refusals = {refuses<ArgumentError>(
                       "[TransformerDecoder] expected num_layers of at least 1, got 0.",
                       [=] { Stack(small, 0); }),
                   refuses<ShapeError>(
                       "[TransformerDecoderLayer] at layers.0: expected x of shape (batch, "
                       "time, 4), got (4, 5, 6).",
                       of(Stack(small, 2), tuple({input({4, 5, 6}), x[1]}))),
                   refuses<ShapeError>(
                       "[MultiHeadAttention] at layers.0.multihead_attn: expected a mask whose "
                       "shape broadcasts to (batch, heads, queries, keys) = (4, 2, 3, 2), got "
                       "(3, 3).",
                       of(Stack(small, 2), tuple({x[0], x[1], input({3, 3}).tensor().gt(0),
                                                  input({3, 3}).tensor().gt(0)})))},
      .labels = {{"TransformerDecoder", Stack(small, 2)}},
      .digest = "8ba70a41ce1f80b7"};
});

}  // namespace
}  // namespace luxtorch::testing
