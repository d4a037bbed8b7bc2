// SinusoidalPositionalEmbedding.
#include "luxtorch/layers/positions.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_sinusoidal_positional_embedding(+[] {
  using Sinusoidal = SinusoidalPositionalEmbedding;
  const auto vaswani = SinusoidalLayout::Vaswani;
  return LayerRegistration{
      .name = "SinusoidalPositionalEmbedding",
      .rows = {row("Sinusoidal", Sinusoidal(8), input({4, 5}), {0, 4}),
               row("SinusoidalFullTurns",
                   Sinusoidal(6, {.min_freq = 0.1, .max_freq = 2, .scale = 1, .full_turns = true}),
                   input({4}), {0, 3}),
               row("SinusoidalVaswani", Sinusoidal(4, {.layout = vaswani}), input({4, 5}), {0, 2})},
      .golden = {{"halves", Sinusoidal(8)},
                 {"scaled", Sinusoidal(6, {.scale = 0.3})},
                 {"vaswani", Sinusoidal(4, {.layout = vaswani})}},
      .no_comparison = "torch.nn has no such module",
      .refusals = {refuses<ArgumentError>(
                       "[SinusoidalPositionalEmbedding] expected even dims of at least 4, got 5.",
                       [] { Sinusoidal(5); }),
                   refuses<ArgumentError>(
                       "[SinusoidalPositionalEmbedding] expected even dims of at least 4, got 2.",
                       [] { Sinusoidal(2); }),
                   refuses<ArgumentError>("[SinusoidalPositionalEmbedding] expected .min_freq and "
                                          ".max_freq above 0, got 0 and 1.",
                                          [] { Sinusoidal(4, {.min_freq = 0}); })},
      .labels = {{"SinusoidalPositionalEmbedding(8)", Sinusoidal(8)},
                 {"SinusoidalPositionalEmbedding(8, layout=Vaswani)",
                  Sinusoidal(8, {.layout = vaswani})}},
      .digest = "639090a17390240f"};
});

}  // namespace
}  // namespace luxtorch::testing
