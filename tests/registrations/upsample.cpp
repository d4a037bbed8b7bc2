// Upsample, PixelShuffle and PixelUnshuffle.
#include "luxtorch/layers/upsample.h"

#include "support/registration.h"

namespace luxtorch::testing {
namespace {

template <class L>
std::function<void()> resizing(L layer, Tensor x) {
  return [=] { (void)apply(layer, x, Tree(), Tree()); };
}

const Registration registered_upsample(+[] {
  using enum UpsampleMode;
  auto sequence = input({4, 3, 5}), image = input({4, 2, 3, 4}), volume = input({4, 2, 2, 3, 2});
  return LayerRegistration{
      .name = "Upsample",
      .rows = {row("UpsampleNearest", Upsample(Nearest, {.scale = 2}), image, {0, 0}),
               row("UpsampleNearestOfSequences", Upsample(Nearest, {.size = 7}), sequence, {0, 0}),
               row("UpsampleNearestOfVolumes", Upsample(Nearest, {.scale = {2, 1, 3}}), volume,
                   {0, 0}),
               row("UpsampleNearestExact", Upsample(NearestExact, {.size = {5, 7}}), image, {0, 0}),
               row("UpsampleLinear", Upsample(Linear, {.scale = 2.5}), sequence, {0, 0}),
               row("UpsampleBilinear", Upsample(Bilinear, {.scale = 2}), image, {0, 0}),
               row("UpsampleBilinearAligned",
                   Upsample(Bilinear, {.size = {5, 3}, .align_corners = true}), image, {0, 0}),
               row("UpsampleTrilinear", Upsample(Trilinear, {.scale = 2}), volume, {0, 0}),
               row("UpsampleBicubic", Upsample(Bicubic, {.scale = 1.5}), image, {0, 0})},
      .golden = {{"nearest", Upsample(Nearest, {.scale = 2})},
                 {"nearest_sequence", Upsample(Nearest, {.size = 7})},
                 {"nearest_volume", Upsample(Nearest, {.scale = {2, 1, 3}})},
                 {"nearest_fraction", Upsample(Nearest, {.scale = {2.5, 0.5}})},
                 {"nearest_exact", Upsample(NearestExact, {.size = {5, 7}})},
                 {"nearest_exact_sequence", Upsample(NearestExact, {.scale = 1.5})},
                 {"nearest_exact_volume", Upsample(NearestExact, {.size = {3, 4, 5}})},
                 {"linear", Upsample(Linear, {.scale = 2.5})},
                 {"linear_by_size", Upsample(Linear, {.size = 7})},
                 {"bilinear", Upsample(Bilinear, {.scale = 2})},
                 {"bilinear_aligned", Upsample(Linear, {.scale = 2, .align_corners = true})},
                 {"bilinear_by_size", Upsample(Bilinear, {.size = {5, 3}})},
                 {"trilinear", Upsample(Trilinear, {.scale = 2})},
                 {"bicubic", Upsample(Bicubic, {.scale = 1.5})},
                 {"bicubic_aligned", Upsample(Bicubic, {.size = {5, 7}, .align_corners = true})}},
      .compared = [] { return Upsample(Bilinear, {.scale = 2}); },
      .refusals = {refuses<ArgumentError>(
                       "[Upsample] expected one of .scale and .size, got neither.",
                       [] { (void)Upsample(Nearest, {}); }),
                   refuses<ArgumentError>("[Upsample] expected one of .scale and .size, got both.",
                                          [] { (void)Upsample(Nearest, {.scale = 2, .size = 4}); }),
                   refuses<ArgumentError>("[Upsample] expected .scale above 0 and finite, got -1.",
                                          [] { (void)Upsample(Nearest, {.scale = {2, -1}}); }),
                   refuses<ArgumentError>("[Upsample] expected .size of at least 1, got 0.",
                                          [] { (void)Upsample(Nearest, {.size = 0}); }),
                   refuses<ArgumentError>(
                       "[Upsample] expected .size as one number or a list of 2 for the mode "
                       "bilinear, got 3 numbers.",
                       [] { (void)Upsample(Bilinear, {.size = {2, 3, 4}}); }),
                   refuses<ArgumentError>(
                       "[Upsample] expected .align_corners of a linear mode or Bicubic, got "
                       "it with the mode nearest.",
                       [] { (void)Upsample(Nearest, {.scale = 2, .align_corners = true}); }),
                   refuses<ShapeError>(
                       "[Upsample] expected floating-point x of shape (batch, channels, height, "
                       "width), got float32 of shape (4, 3, 5).",
                       resizing(Upsample(Bilinear, {.scale = 2}), sequence.tensor())),
                   refuses<ShapeError>(
                       "[Upsample] expected floating-point x of shape (batch, channels, 1 to 3 "
                       "sizes), got int64 of shape (4, 3, 5).",
                       resizing(Upsample(Nearest, {.scale = 2}), sequence.tensor().to(kInt64))),
                   refuses<ShapeError>(
                       "[Upsample] expected x and y with sizes of at least 1, got 5 and 0 in "
                       "dimension 2.",
                       resizing(Upsample(Linear, {.scale = 0.1}), sequence.tensor())),
                   refuses<ShapeError>(
                       "[Upsample] expected y of fewer than 2^62 elements, got .scale (1e+300) of "
                       "x's shape (4, 3, 5).",
                       resizing(Upsample(Nearest, {.scale = 1e300}), sequence.tensor())),
                   refuses<ShapeError>(
                       "[Upsample] expected y of fewer than 2^62 elements, got .size "
                       "(1099511627776, 1099511627776) of x's shape (4, 2, 3, 4).",
                       resizing(Upsample(Nearest, {.size = {1099511627776, 1099511627776}}),
                                image.tensor()))},
      .labels = {{"Upsample(nearest, scale = 2)", Upsample(Nearest, {.scale = 2})},
                 {"Upsample(linear, scale = (2.5,))", Upsample(Linear, {.scale = {2.5}})},
                 {"Upsample(bilinear, size = (4, 4), align_corners = true)",
                  Upsample(Bilinear, {.size = {4, 4}, .align_corners = true})}},
      .digest = "edd6f218a4e23991"};
});

const Registration registered_pixel_shuffle(+[] {
  return LayerRegistration{
      .name = "PixelShuffle",
      .rows = {row("PixelShuffle", PixelShuffle(2), input({4, 8, 2, 3}), {0, 0}),
               row("PixelShuffleOfSequences", PixelShuffle(3), input({4, 6, 4}), {0, 0}),
               row("PixelShuffleOfVolumes", PixelShuffle(2), input({4, 8, 1, 2, 3}), {0, 0})},
      .golden = {{"image", PixelShuffle(2)},
                 {"sequence", PixelShuffle(3)},
                 {"volume", PixelShuffle(2)}},
      .compared = [] { return PixelShuffle(2); },
      .refusals = {refuses<ArgumentError>("[PixelShuffle] expected r of at least 1, got 0.",
                                          [] { PixelShuffle(0); }),
                   refuses<ShapeError>(
                       "[PixelShuffle] expected x of shape (batch, channels, size, ...), got "
                       "(4, 8).",
                       resizing(PixelShuffle(2), input({4, 8}).tensor())),
                   refuses<ShapeError>(
                       "[PixelShuffle] expected channels divisible by 4 = 2^2, got 6 in x of "
                       "shape (4, 6, 2, 3).",
                       resizing(PixelShuffle(2), input({4, 6, 2, 3}).tensor()))},
      .labels = {{"PixelShuffle(2)", PixelShuffle(2)}},
      .digest = "dec1c21ca9774d3d"};
});

const Registration registered_pixel_unshuffle(+[] {
  return LayerRegistration{
      .name = "PixelUnshuffle",
      .rows = {row("PixelUnshuffle", PixelUnshuffle(2), input({4, 2, 4, 6}), {0, 0}),
               row("PixelUnshuffleOfSequences", PixelUnshuffle(3), input({4, 2, 6}), {0, 0}),
               row("PixelUnshuffleOfVolumes", PixelUnshuffle(2), input({4, 1, 2, 4, 6}), {0, 0})},
      .golden = {{"image", PixelUnshuffle(2)},
                 {"sequence", PixelUnshuffle(3)},
                 {"volume", PixelUnshuffle(2)}},
      .compared = [] { return PixelUnshuffle(2); },
      .refusals = {refuses<ArgumentError>("[PixelUnshuffle] expected r of at least 1, got -1.",
                                          [] { PixelUnshuffle(-1); }),
                   refuses<ShapeError>(
                       "[PixelUnshuffle] expected x of shape (batch, channels, size, ...) with "
                       "sizes divisible by 2, got (4, 1, 3, 4).",
                       resizing(PixelUnshuffle(2), input({4, 1, 3, 4}).tensor()))},
      .labels = {{"PixelUnshuffle(2)", PixelUnshuffle(2)}},
      .digest = "dec1c21ca9774d3d"};
});

}  // namespace
}  // namespace luxtorch::testing
