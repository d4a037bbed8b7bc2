// ConvTranspose.
#include "luxtorch/layers/conv.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_conv_transpose(+[] {
  auto of = [](const ConvTranspose& layer, const Tensor& x) {
    return [=] {
      auto [ps, st] = setup(Rng(0), layer);
      (void)apply(layer, x, ps, st);
    };
  };
  auto image = [](std::vector<int64_t> shape) { return input(std::move(shape)).tensor(); };
  return LayerRegistration{
      .name = "ConvTranspose",
      .rows = {row("ConvTranspose",
                   ConvTranspose({3, 3}, 2, 3, tanh, {.stride = 2, .pad = 1, .outpad = {1, 0}}),
                   input({4, 2, 2, 3}), {57, 0}),
               row("ConvTransposeOfSequences", ConvTranspose({3}, 3, 2, {.dilation = 2}),
                   input({4, 3, 4}), {20, 0}),
               row("ConvTransposeOfVolumes", ConvTranspose({2, 1, 2}, 2, 2, {.pad = SamePad{}}),
                   input({4, 2, 2, 2, 2}), {18, 0}),
               row("ConvTransposeOfGroups",
                   ConvTranspose({2, 2}, 4, 2, {.groups = 2, .use_bias = false}),
                   input({4, 4, 2, 2}), {16, 0}),
               row("ConvTransposeFlipped",
                   ConvTranspose({3, 2}, 1, 2, {.cross_correlation = false}), input({4, 1, 2, 3}),
                   {14, 0}),
               row("ConvTransposeCutUnevenly",
                   ConvTranspose({3, 2}, 1, 2,
                                 {.stride = {2, 3}, .pad = {1, 0, 2, 1}, .outpad = {1, 2}}),
                   input({4, 1, 2, 3}), {14, 0}),
               without_rows(row("ConvTransposeOfOneSample", ConvTranspose({2, 2}, 2, 3),
                                input({2, 2, 3}), {27, 0}))},
      .golden = {{"sequence", ConvTranspose({3}, 3, 4, tanh)},
                 {"image", ConvTranspose({3, 2}, 2, 3, {.pad = {1, 0}})},
                 {"image",
                  ConvTranspose({3, 2}, 2, 3, {.pad = {1, 0}, .cross_correlation = false})},
                 {"volume", ConvTranspose({2, 1, 2}, 2, 2, {.stride = {1, 1, 2}})},
                 {"outpad", ConvTranspose({3, 3}, 2, 3, {.stride = 2, .pad = 1, .outpad = {1, 0}})},
                 {"dilation", ConvTranspose({2, 3}, 2, 2, {.stride = 2, .dilation = {3, 2}})},
                 {"groups", ConvTranspose({2, 2}, 4, 6, {.groups = 2})},
                 {"asymmetric", ConvTranspose({3, 3}, 2, 2, {.stride = 2, .pad = {1, 2, 0, 1}})},
                 {"no_bias", ConvTranspose({2, 2}, 2, 2, {.use_bias = false})},
                 {"one_sample", ConvTranspose({2, 2}, 2, 3, {.stride = 2})}},
      .compared = [] { return ConvTranspose({4, 4}, 16, 8, {.stride = 2, .pad = 1}); },
      .refusals =
          {refuses<ArgumentError>("[ConvTranspose] expected a kernel of 1 to 3 sizes, got ().",
                                  [] { ConvTranspose(Shape{}, 1, 1); }),
           refuses<ArgumentError>("[ConvTranspose] expected out_channels of at least 1, got 0.",
                                  [] { ConvTranspose({3}, 1, 0); }),
           refuses<ArgumentError>("[ConvTranspose] expected .stride of at least 1, got 0.",
                                  [] { ConvTranspose({3}, 1, 1, {.stride = 0}); }),
           refuses<ArgumentError>("[ConvTranspose] expected .outpad of at least 0, got (0, -1).",
                                  [] { ConvTranspose({3, 3}, 1, 1, {.outpad = {0, -1}}); }),
           refuses<ArgumentError>(
               "[ConvTranspose] expected .outpad as one number or a list of 1, got (1, 1).",
               [] { ConvTranspose({3}, 1, 1, {.outpad = {1, 1}}); }),
           refuses<ArgumentError>("[ConvTranspose] expected .pad of at least 0, got (0, -1).",
                                  [] { ConvTranspose({3}, 1, 1, {.pad = {0, -1}}); }),
           refuses<ArgumentError>(
               "[ConvTranspose] expected kernels of at least the stride for "
               "SamePad, got a kernel of 2 and a stride of 3. Use .outpad in its "
               "place.",
               [] { ConvTranspose({2}, 1, 1, {.stride = 3, .pad = SamePad{}}); }),
           refuses<ArgumentError>(
               "[ConvTranspose] expected in_channels divisible by .groups, got 3 "
               "in_channels and 2 groups.",
               [] { ConvTranspose({3}, 3, 4, {.groups = 2}); }),
           refuses<ShapeError>(
               "[ConvTranspose] expected x of shape (batch, 3, height, width) or (3, "
               "height, width), got (4, 2, 5, 5).",
               of(ConvTranspose({3, 3}, 3, 1), image({4, 2, 5, 5}))),
           refuses<ShapeError>(
               "[ConvTranspose] expected a size of at least 1 in dimension 2 of x and "
               "of the output, got 2 and 0: x of shape (4, 1, 2) with padding (2, 2).",
               of(ConvTranspose({3}, 1, 1, {.pad = 2}), image({4, 1, 2}))),
           refuses<ShapeError>(
               "[ConvTranspose] expected x of dtype float32 like the parameters, got "
               "float64. Convert one of them: x.to(...) or tree::to(ps, ...).",
               of(ConvTranspose({3}, 1, 1), image({1, 3}).to(kFloat64)))},
      .labels = {{"ConvTranspose((4, 4), 8 => 1, relu, pad=1, stride=2)",
                  ConvTranspose({4, 4}, 8, 1, relu, {.stride = 2, .pad = SamePad{}})},
                 {"ConvTranspose((3,), 4 => 8, pad=(0, 1), groups=2, outpad=1, use_bias=false)",
                  ConvTranspose({3}, 4, 8,
                                {.pad = {0, 1}, .outpad = 1, .groups = 2, .use_bias = false})}},
      .digest = "49102f99dd91abff"};
});

}  // namespace
}  // namespace luxtorch::testing
