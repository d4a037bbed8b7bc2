// GatedFeedForward.
#include "luxtorch/layers/gated_feed_forward.h"

#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_gated_feed_forward(+[] {
  const Tree x = input({4, 5});
  return LayerRegistration{
      .name = "GatedFeedForward",
      .rows = {row("GatedFeedForward", GatedFeedForward(5, {.hidden = 6}), x, {90, 0}),
               row("GatedFeedForwardGeluBias",
                   GatedFeedForward(5, gelu, {.hidden = 3, .use_bias = true}), input({4, 3, 5}),
                   {56, 0}),
               row("GatedFeedForwardOfTheDefaultSize", GatedFeedForward(2), input({4, 2}),
                   {384, 0})},
      .golden = {{"swiglu", GatedFeedForward(5, {.hidden = 6})},
                 {"geglu", GatedFeedForward(5, gelu, {.hidden = 3, .use_bias = true})},
                 {"default_size", GatedFeedForward(3)}},
      .compared = [] { return GatedFeedForward(96); },
      .refusals = {refuses<ArgumentError>("[GatedFeedForward] expected dims of at least 1, got 0.",
                                          [] { GatedFeedForward(0); }),
                   refuses<ArgumentError>(
                       "[GatedFeedForward] expected .hidden of at least 1, or 0 for 8/3 "
                       "dims, got -1.",
                       [] { GatedFeedForward(5, {.hidden = -1}); }),
                   refuses<ShapeError>(
                       "[Dense] at gate_proj: expected x of shape (..., 5), got (4, 6).",
                       [] {
                         const GatedFeedForward layer(5);
                         auto [ps, st] = setup(Rng(0), layer);
                         (void)apply(layer, input({4, 6}).tensor(), ps, st);
                       })},
      .labels = {{"GatedFeedForward(24 => 64, swish)", GatedFeedForward(24)},
                 {"GatedFeedForward(96 => 256, swish)", GatedFeedForward(96)},
                 {"GatedFeedForward(97 => 8, gelu)", GatedFeedForward(97, gelu, {.hidden = 8})}},
      .digest = "64c31fdc1ffaea43"};
});

}  // namespace
}  // namespace luxtorch::testing
