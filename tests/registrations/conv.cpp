// Conv.
#include "luxtorch/layers/conv.h"

#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_conv(+[] {
  auto of = [](const Conv& layer, const Tensor& x) {
    return [=] {
      auto [ps, st] = setup(Rng(0), layer);
      (void)apply(layer, x, ps, st);
    };
  };
  auto image = [](std::vector<int64_t> shape) { return input(std::move(shape)).tensor(); };
  return LayerRegistration{
      .name = "Conv",
      .rows = {row("Conv", Conv({3, 3}, 2, 3, tanh, {.stride = 2, .pad = 1}), input({4, 2, 5, 4}),
                   {57, 0}),
               row("ConvOfSequences", Conv({3}, 3, 2, {.pad = {2, 0}, .dilation = 2}),
                   input({4, 3, 5}), {20, 0}),
               row("ConvOfVolumes", Conv({2, 1, 2}, 2, 2, {.pad = SamePad{}}),
                   input({4, 2, 2, 2, 3}), {18, 0}),
               row("ConvOfGroups", Conv({2, 2}, 4, 2, {.groups = 2, .use_bias = false}),
                   input({4, 4, 3, 3}), {16, 0}),
               row("ConvOfEachChannel", Conv({3}, 2, 4, {.groups = 2}), input({4, 2, 5}), {16, 0}),
               row("ConvFlipped", Conv({3, 2}, 1, 2, {.cross_correlation = false}),
                   input({4, 1, 4, 3}), {14, 0}),
               row("ConvReflect", Conv({3, 3}, 1, 2, {.pad = 1, .pad_mode = PadMode::Reflect}),
                   input({4, 1, 3, 2}), {20, 0}),
               row("ConvReplicate",
                   Conv({3}, 1, 2, {.pad = {3, 1}, .pad_mode = PadMode::Replicate}),
                   input({4, 1, 3}), {8, 0}),
               row("ConvCircular",
                   Conv({3, 3}, 1, 2, {.pad = {1, 2}, .pad_mode = PadMode::Circular}),
                   input({4, 1, 3, 3}), {20, 0}),
               row("ConvSymmetric",
                   Conv({3, 3}, 1, 2, {.pad = {1, 2, 0, 4}, .pad_mode = PadMode::Symmetric}),
                   input({4, 1, 3, 3}), {20, 0}),
               without_rows(row("ConvOfOneSample", Conv({2, 2}, 2, 3), input({2, 3, 4}), {27, 0}))},
      .golden = {{"sequence", Conv({3}, 3, 4, tanh)},
                 {"image", Conv({3, 2}, 2, 3)},
                 {"image", Conv({3, 2}, 2, 3, {.cross_correlation = false})},
                 {"volume", Conv({2, 1, 2}, 2, 2, {.pad = {1, 0, 1}})},
                 {"strides", Conv({3, 3}, 2, 3, {.stride = {2, 1}, .pad = 1})},
                 {"dilation", Conv({2, 3}, 2, 2, {.dilation = {3, 2}})},
                 {"groups", Conv({2, 2}, 4, 6, {.groups = 2})},
                 {"depthwise", Conv({3}, 3, 6, {.groups = 3})},
                 {"asymmetric", Conv({3, 3}, 2, 2, {.pad = {1, 0, 2, 1}})},
                 {"same", Conv({4, 3}, 2, 2, {.pad = SamePad{}})},
                 {"circular", Conv({3, 3}, 1, 2, {.pad = {1, 2}, .pad_mode = PadMode::Circular})},
                 {"reflect", Conv({3}, 2, 2, {.pad = 2, .pad_mode = PadMode::Reflect})},
                 {"replicate", Conv({2, 2, 2}, 1, 2, {.pad = 1, .pad_mode = PadMode::Replicate})},
                 {"no_bias", Conv({2, 2}, 2, 2, {.use_bias = false})},
                 {"one_sample", Conv({2, 2}, 2, 2)}},
      .compared = [] { return Conv({3, 3}, 8, 16, {.pad = 1}); },
      .refusals =
          {refuses<ArgumentError>("[Conv] expected a kernel of 1 to 3 sizes, got (2, 2, 2, 2).",
                                  [] { Conv({2, 2, 2, 2}, 1, 1); }),
           refuses<ArgumentError>("[Conv] expected a kernel of 1 to 3 sizes, got ().",
                                  [] { Conv(Shape{}, 1, 1); }),
           refuses<ArgumentError>("[Conv] expected sizes of the kernel of at least 1, got 0.",
                                  [] { Conv({3, 0}, 1, 1); }),
           refuses<ArgumentError>("[Conv] expected in_channels of at least 1, got 0.",
                                  [] { Conv({3}, 0, 1); }),
           refuses<ArgumentError>("[Conv] expected out_channels of at least 1, got -2.",
                                  [] { Conv({3}, 1, -2); }),
           refuses<ArgumentError>("[Conv] expected .stride of at least 1, got (1, 0).",
                                  [] { Conv({3, 3}, 1, 1, {.stride = {1, 0}}); }),
           refuses<ArgumentError>(
               "[Conv] expected .stride as one number or a list of 2, got (1, 2, 3).",
               [] { Conv({3, 3}, 1, 1, {.stride = {1, 2, 3}}); }),
           refuses<ArgumentError>("[Conv] expected .dilation of at least 1, got 0.",
                                  [] { Conv({3, 3}, 1, 1, {.dilation = 0}); }),
           refuses<ArgumentError>("[Conv] expected .pad of at least 0, got -1.",
                                  [] { Conv({3, 3}, 1, 1, {.pad = -1}); }),
           refuses<ArgumentError>("[Conv] expected .pad of at least 0, got (0, 1, -2, 1).",
                                  [] { Conv({3, 3}, 1, 1, {.pad = {0, 1, -2, 1}}); }),
           refuses<ArgumentError>("[Conv] expected .pad as one number, a list of 2 or a list of 4 "
                                  "(low and high of each dimension), got (1, 2, 3).",
                                  [] { Conv({3, 3}, 1, 1, {.pad = {1, 2, 3}}); }),
           refuses<ArgumentError>("[Conv] expected .groups of at least 1, got 0.",
                                  [] { Conv({3}, 1, 1, {.groups = 0}); }),
           refuses<ArgumentError>("[Conv] expected in_channels divisible by .groups, got 3 "
                                  "in_channels and 2 groups.",
                                  [] { Conv({3}, 3, 4, {.groups = 2}); }),
           refuses<ArgumentError>("[Conv] expected out_channels divisible by .groups, got 3 "
                                  "out_channels and 2 groups.",
                                  [] { Conv({3}, 4, 3, {.groups = 2}); }),
           refuses<ShapeError>(
               "[Conv] expected x of shape (batch, 3, height, width) or (3, height, "
               "width), got (4, 2, 5, 5).",
               of(Conv({3, 3}, 3, 1), image({4, 2, 5, 5}))),
           refuses<ShapeError>(
               "[Conv] expected x of shape (batch, 3, time) or (3, time), got (4, 3, "
               "5, 5).",
               of(Conv({3}, 3, 1), image({4, 3, 5, 5}))),
           refuses<ShapeError>("[Conv] expected x of shape (batch, 3, depth, height, width) or (3, "
                               "depth, height, width), got (3,).",
                               of(Conv({1, 1, 1}, 3, 1), image({3}))),
           refuses<ShapeError>(
               "[Conv] expected a padded size of at least 5 in dimension 3, for a "
               "kernel of 3 with dilation 2, got 4: x of shape (4, 1, 9, 3) with "
               "padding (0, 1).",
               of(Conv({3, 3}, 1, 1, {.pad = {0, 0, 0, 1}, .dilation = 2}), image({4, 1, 9, 3}))),
           refuses<ShapeError>(
               "[Conv] expected x of at least 3 in dimension 1 for a padding of (2, 2) "
               "in the mode reflect, got 2 of shape (1, 2).",
               of(Conv({3}, 1, 1, {.pad = 2, .pad_mode = PadMode::Reflect}), image({1, 2}))),
           refuses<ShapeError>(
               "[Conv] expected x of dtype float32 like the parameters, got float64. "
               "Convert one of them: x.to(...) or tree::to(ps, ...).",
               of(Conv({3}, 1, 1), image({1, 3}).to(kFloat64)))},
      .labels = {{"Conv((3, 3), 1 => 8, relu, pad=1, stride=2, dilation=2)",
                  Conv({3, 3}, 1, 8, relu, {.stride = 2, .pad = {1, 1}, .dilation = 2})},
                 {"Conv((3,), 4 => 8, pad=(0, 1), groups=2, use_bias=false)",
                  Conv({3}, 4, 8, {.pad = {0, 1}, .groups = 2, .use_bias = false})},
                 {"Conv((3, 4), 1 => 1, pad=(1, 1, 1, 2), stride=(2, 1))",
                  Conv({3, 4}, 1, 1, {.stride = {2, 1}, .pad = SamePad{}})},
                 {"Conv((1,), 1 => 1, pad=2, cross_correlation=false, pad_mode=circular)",
                  Conv({1}, 1, 1,
                       {.pad = 2, .cross_correlation = false, .pad_mode = PadMode::Circular})}},
      .digest = "c316f4a39a6b270b"};
});

}  // namespace
}  // namespace luxtorch::testing
