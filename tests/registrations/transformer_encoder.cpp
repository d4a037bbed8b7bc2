// TransformerEncoder.
#include "luxtorch/layers/transformer.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_transformer_encoder(+[] {
  using EncoderLayer = TransformerEncoderLayer;
  using Stack = TransformerEncoder;
  const Tree x = input({4, 3, 4});
  const EncoderLayer small(4, {.nheads = 2, .hidden = 3, .is_causal = true, .use_bias = false});
  const EncoderLayer dropping(4, {.nheads = 2, .hidden = 3, .dropout = 0.3, .use_bias = false});
  const EncoderLayer post_norm(6,
                               {.nheads = 3, .hidden = 5, .activation = relu, .norm_first = false});
  return LayerRegistration{
      .name = "TransformerEncoder",
      .rows = {row("EncoderStack", Stack(small, 2), x, {192, 0}),
               row("EncoderStackNorm", Stack(small, 2, {.norm = true}), x, {196, 0}),
               row("EncoderStackRMSNorm",
                   Stack(EncoderLayer(
                             4, {.hidden = 3, .norm = TransformerNorm::RMSNorm, .use_bias = false}),
                         1, {.norm = true}),
                   x, {100, 0}),
               row("EncoderStackCheckpointed",
                   Stack(dropping, 2, {.norm = true, .checkpointed = true}), x, {196, 16})},
      .golden = {{"pre_norm",
                  Stack(EncoderLayer(8, {.nheads = 2, .hidden = 5}), 2, {.norm = true})},
                 {"causal", Stack(EncoderLayer(4, {.nheads = 2, .hidden = 5, .is_causal = true}), 3,
                                  {.norm = true, .checkpointed = true})},
                 {"post_norm", Stack(post_norm, 2)}},
      .compared =
          [] {
            return Stack(EncoderLayer(32, {.nheads = 4, .is_causal = true}), 2, {.norm = true});
          },
      .refusals = {refuses<ArgumentError>(
                       "[TransformerEncoder] expected num_layers of at least 1, got 0.",
                       [=] { Stack(small, 0); }),
                   refuses<ShapeError>(
                       "[TransformerEncoderLayer] at layers.0: expected x of shape (batch, "
                       "time, 4), got (4, 5, 6).",
                       [=] {
                         const Stack stack(small, 2);
                         auto [ps, st] = setup(Rng(0), stack);
                         (void)apply(stack, input({4, 5, 6}).tensor(), ps, st);
                       })},
      .labels = {{"TransformerEncoder", Stack(small, 2)}},
      .digest = "4933f8b67cdc5c47"};
});

}  // namespace
}  // namespace luxtorch::testing
