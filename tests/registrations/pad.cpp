// Pad.
#include "luxtorch/layers/pad.h"

#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_pad(+[] {
  using enum PadMode;
  auto sequence = input({4, 2, 4}), image = input({4, 2, 3, 4}), volume = input({4, 2, 2, 3, 2});
  auto of = [](const Pad& layer, const Tree& x) {
    return [=] { (void)apply(layer, x.tensor(), Tree(), Tree()); };
  };
  return LayerRegistration{
      .name = "Pad",
      .rows = {row("Pad", Pad(1), image, {0, 0}),
               row("PadOfAValue", Pad({0, 3}, {.value = -1}), sequence, {0, 0}),
               row("PadReflect", Pad({1, 2, 2, 0}, {.mode = Reflect}), image, {0, 0}),
               row("PadReflectOfSequences", Pad(2, {.mode = Reflect}), sequence, {0, 0}),
               row("PadReflectOfVolumes", Pad(1, {.mode = Reflect}), volume, {0, 0}),
               row("PadReplicate", Pad({2, 0, 1}, {.mode = Replicate}), volume, {0, 0}),
               row("PadCircular", Pad({1, 3, 2, 0}, {.mode = Circular}), image, {0, 0}),
               row("PadSymmetric", Pad({1, 5, 2, 0}, {.mode = Symmetric}), image, {0, 0})},
      .golden = {{"zeros", Pad(1)},
                 {"constant", Pad({0, 3}, {.value = -1})},
                 {"reflect", Pad({1, 2, 2, 0}, {.mode = Reflect})},
                 {"replicate", Pad({2, 0, 1}, {.mode = Replicate})},
                 {"circular", Pad({1, 3, 2, 0}, {.mode = Circular})},
                 {"symmetric", Pad({1, 5, 2, 0}, {.mode = Symmetric})}},
      .compared = [] { return Pad(2, {.mode = PadMode::Reflect}); },
      .refusals = {refuses<ArgumentError>("[Pad] expected pad of at least 0, got -1.",
                                          [] { Pad(-1); }),
                   refuses<ArgumentError>(
                       "[Pad] expected pad as numbers, got SamePad, which needs a kernel.",
                       [] { Pad(SamePad{}); }),
                   refuses<ArgumentError>(
                       "[Pad] expected .value with PadMode::Zeros alone, got 2 with the mode "
                       "circular.",
                       [] { Pad(1, {.mode = PadMode::Circular, .value = 2}); }),
                   refuses<ShapeError>(
                       "[Pad] expected x of shape (batch, channels, 1 to 3 sizes), got (4, 2).",
                       of(Pad(1), input({4, 2}))),
                   refuses<ShapeError>(
                       "[Pad] expected x of shape (batch, channels, ...) with one or two of the "
                       "numbers (1, 2, 3) for each further dimension, got (4, 2, 3, 4).",
                       of(Pad({1, 2, 3}), image)),
                   refuses<ShapeError>(
                       "[Pad] expected x of at least 4 in dimension 2 for a padding of (3, 3) in "
                       "the mode reflect, got 3 of shape (4, 2, 3, 4).",
                       of(Pad(3, {.mode = Reflect}), image)),
                   refuses<ShapeError>(
                       "[Pad] expected x of at least 4 in dimension 2 for a padding of (4, 4) in "
                       "the mode circular, got 3 of shape (4, 2, 3, 4).",
                       of(Pad(4, {.mode = Circular}), image))},
      .labels = {{"Pad(1)", Pad(1)},
                 {"Pad((1, 2), mode=reflect)", Pad({1, 2}, {.mode = Reflect})},
                 {"Pad((0, 3), value=-1)", Pad({0, 3}, {.value = -1})}},
      .digest = "8d5e58b70ff711e5"};
});

}  // namespace
}  // namespace luxtorch::testing
