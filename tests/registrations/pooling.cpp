// MaxPool, MeanPool, LPPool, their adaptive forms and their global forms.
#include "luxtorch/layers/pooling.h"

#include <cmath>

#include "support/registration.h"

namespace luxtorch::testing {
namespace {

template <class L>
std::function<void()> of(L layer, Tensor x) {
  return [=] { (void)apply(layer, x, Tree(), Tree()); };
}

// What all pools with windows refuse, under the name of each.
template <class Pool>
std::vector<Refusal> refusals_of_windows(const std::string& name) {
  const std::string at = "[" + name + "] ";
  const auto image = input({2, 3, 4, 5}).tensor();
  return {
      refuses<ArgumentError>(at + "expected a window of 1 to 3 dimensions, got ().",
                             [] { Pool(std::vector<int64_t>{}); }),
      refuses<ArgumentError>(at + "expected a window of 1 to 3 dimensions, got (1, 2, 3, 4).",
                             [] { Pool({1, 2, 3, 4}); }),
      refuses<ArgumentError>(at + "expected a window of at least 1 in each dimension, got (2, 0).",
                             [] { Pool({2, 0}); }),
      refuses<ArgumentError>(at + "expected .stride of at least 1, got 0.",
                             [] { Pool({2, 2}, {.stride = 0}); }),
      refuses<ArgumentError>(at + "expected .stride as one number or a list of 2, got (1, 2, 3).",
                             [] { Pool({2, 2}, {.stride = {1, 2, 3}}); }),
      refuses<ArgumentError>(at + "expected .dilation of at least 1, got (1, -1).",
                             [] { Pool({2, 2}, {.dilation = {1, -1}}); }),
      refuses<ArgumentError>(at + "expected .pad of at least 0, got -1.",
                             [] { Pool({2, 2}, {.pad = -1}); }),
      refuses<ArgumentError>(at +
                                 "expected .pad as one number, a list of 2 or a list of 4 (low and "
                                 "high of each dimension), got (1, 2, 3).",
                             [] { Pool({2, 2}, {.pad = {1, 2, 3}}); }),
      refuses<ShapeError>(at + "expected x of shape (batch, channels, height, width) or (channels, "
                               "height, width), got (4, 5).",
                          of(Pool({2, 2}), input({4, 5}).tensor())),
      refuses<ShapeError>(
          at + "expected x of shape (batch, channels, time) or (channels, time), got "
               "(2, 3, 4, 5).",
          of(Pool({2}), image)),
      refuses<ShapeError>(
          at + "expected x of a floating-point dtype, got int64 of shape (2, 3, 4, 5). "
               "x.to(kFloat32) converts it.",
          of(Pool({2, 2}), image.to(kInt64))),
      refuses<ShapeError>(
          at + "expected a window no longer than x with its padding in dimension 3, got "
               "a window of length 7 and 0 + 5 + 1 elements, x of shape (2, 3, 4, 5).",
          of(Pool({2, 4}, {.pad = {0, 0, 0, 1}, .dilation = 2}), image))};
}

template <class Pool>
std::vector<Refusal> refusals_of_sizes(const std::string& name) {
  const std::string at = "[" + name + "] ";
  return {
      refuses<ArgumentError>(at + "expected a size of 1 to 3 dimensions, got ().",
                             [] { Pool(std::vector<int64_t>{}); }),
      refuses<ArgumentError>(at + "expected a size of at least 1 in each dimension, got (0,).",
                             [] { Pool({0}); }),
      refuses<ShapeError>(at + "expected x of shape (batch, channels, height, width) or (channels, "
                               "height, width), got (4, 5).",
                          of(Pool({2, 2}), input({4, 5}).tensor())),
      refuses<ShapeError>(at +
                              "expected x of a floating-point dtype, got int64 of shape (2, 3, 4). "
                              "x.to(kFloat32) converts it.",
                          of(Pool({2}), input({2, 3, 4}).tensor().to(kInt64))),
      refuses<ShapeError>(
          at + "expected x of at least 5 in dimension 2, got 4 of shape (2, 3, 4). "
               "AdaptiveWindows::Torch repeats elements.",
          of(Pool({5}, {.windows = AdaptiveWindows::Uniform}), input({2, 3, 4}).tensor()))};
}

template <class Pool>
std::vector<Refusal> refusals_of_channels(const std::string& name) {
  const std::string begin =
      "[" + name +
      "] expected floating-point x of shape (batch, channels, size, ...) with "
      "sizes of at least 1, got ";
  return {
      refuses<ShapeError>(begin + "float32 of shape (2, 3).", of(Pool(), input({2, 3}).tensor())),
      refuses<ShapeError>(begin + "float32 of shape (2, 3, 0).",
                          of(Pool(), input({2, 3, 0}).tensor())),
      refuses<ShapeError>(begin + "int64 of shape (2, 3, 4).",
                          of(Pool(), input({2, 3, 4}).tensor().to(kInt64)))};
}

std::vector<Refusal> with(std::vector<Refusal> some, Refusal one) {
  some.push_back(std::move(one));
  return some;
}

const Registration registered_max_pool(+[] {
  auto image = input({4, 2, 6, 5});
  return LayerRegistration{
      .name = "MaxPool",
      .rows = {row("MaxPool", MaxPool({2, 2}), image, {0, 0}),
               row("MaxPoolOfSequences", MaxPool({3}, {.stride = 2, .pad = 1}), input({4, 3, 7}),
                   {0, 0}),
               row("MaxPoolOfVolumes", MaxPool({2, 2, 2}, {.stride = {1, 2, 2}}),
                   input({4, 2, 3, 4, 4}), {0, 0}),
               row("MaxPoolDilated", MaxPool({2, 3}, {.stride = 1, .pad = 1, .dilation = {2, 1}}),
                   image, {0, 0}),
               row("MaxPoolPastTheEnd", MaxPool({3, 3}, {.stride = 2, .pad = 1, .ceil_mode = true}),
                   image, {0, 0}),
               row("MaxPoolOneSided", MaxPool({2, 3}, {.stride = {1, 2}, .pad = {0, 1, 2, 0}}),
                   image, {0, 0}),
               row("MaxPoolSame", MaxPool({2, 3}, {.stride = 1, .pad = SamePad{}}), image, {0, 0}),
               row("MaxPoolSameDilatedOfSequences",
                   MaxPool({3}, {.stride = 1, .pad = SamePad{}, .dilation = 2}), input({4, 3, 7}),
                   {0, 0}),
               row("MaxPoolSameDilated", MaxPool({3, 3}, {.stride = 1, .pad = 2, .dilation = 2}),
                   image, {0, 0}),
               row("MaxPoolSameDilatedOfVolumes",
                   MaxPool({3, 3, 3}, {.stride = 2, .pad = SamePad{}, .dilation = 2}),
                   input({4, 2, 3, 4, 4}), {0, 0}),
               without_rows(row("MaxPoolOfOneSample", MaxPool({2, 2}), input({2, 4, 5}), {0, 0}))},
      .golden = {{"sequence", MaxPool({3}, {.stride = 2, .pad = 1})},
                 {"image", MaxPool({2, 3})},
                 {"volume", MaxPool({2, 2, 2}, {.stride = {1, 2, 2}})},
                 {"dilated", MaxPool({2, 3}, {.stride = 1, .pad = 1, .dilation = {2, 1}})},
                 {"ceil", MaxPool({3, 3}, {.stride = 2, .pad = 1, .ceil_mode = true})},
                 {"asymmetric", MaxPool({2, 3}, {.stride = {1, 2}, .pad = {0, 1, 2, 0}})},
                 {"one_sample", MaxPool({2, 2})}},
      .compared = [] { return MaxPool({2, 2}); },
      .refusals = refusals_of_windows<MaxPool>("MaxPool"),
      .labels = {{"MaxPool((2, 2))", MaxPool({2, 2}, {.stride = 2})},
                 {"MaxPool((2, 3), pad=1, stride=(1, 2), dilation=2, ceil_mode=true)",
                  MaxPool({2, 3}, {.stride = {1, 2}, .pad = 1, .dilation = 2, .ceil_mode = true})},
                 {"MaxPool((2,), pad=(0, 1), stride=1)",
                  MaxPool({2}, {.stride = 1, .pad = {0, 1}})},
                 {"MaxPool((2, 3), pad=(0, 1, 1, 1), stride=1)",
                  MaxPool({2, 3}, {.stride = 1, .pad = SamePad{}})}},
      .digest = "2553e89752e8dc1a"};
});

const Registration registered_mean_pool(+[] {
  auto image = input({4, 2, 6, 5});
  return LayerRegistration{
      .name = "MeanPool",
      .rows = {row("MeanPool", MeanPool({2, 2}), image, {0, 0}),
               row("MeanPoolOfSequences", MeanPool({3}, {.stride = 2, .pad = 1}), input({4, 3, 7}),
                   {0, 0}),
               row("MeanPoolOfVolumes", MeanPool({2, 2, 2}, {.stride = {1, 2, 2}}),
                   input({4, 2, 3, 4, 4}), {0, 0}),
               row("MeanPoolDilated", MeanPool({2, 3}, {.stride = 1, .pad = 1, .dilation = {2, 1}}),
                   image, {0, 0}),
               row("MeanPoolDilatedOfOneDimension", MeanPool({2}, {.dilation = 2}),
                   input({4, 3, 7}), {0, 0}),
               row("MeanPoolPastTheEnd",
                   MeanPool({3, 3}, {.stride = 2, .pad = 1, .ceil_mode = true}), image, {0, 0}),
               row("MeanPoolUncounted",
                   MeanPool({3, 3}, {.stride = 2, .pad = 1, .count_include_pad = false}), image,
                   {0, 0}),
               row("MeanPoolOneSided",
                   MeanPool({2, 3},
                            {.stride = {1, 2}, .pad = {0, 1, 2, 0}, .count_include_pad = false}),
                   image, {0, 0}),
               without_rows(
                   row("MeanPoolOfOneSample", MeanPool({2, 2}), input({2, 4, 5}), {0, 0}))},
      .golden = {{"sequence", MeanPool({3}, {.stride = 2, .pad = 1})},
                 {"image", MeanPool({2, 3})},
                 {"volume", MeanPool({2, 2, 2}, {.stride = {1, 2, 2}})},
                 {"uncounted",
                  MeanPool({3, 3}, {.stride = 2, .pad = 1, .count_include_pad = false})},
                 {"ceil", MeanPool({3, 3}, {.stride = 2, .pad = 1, .ceil_mode = true})},
                 {"dilated", MeanPool({2, 3}, {.stride = 1, .pad = 1, .dilation = {2, 1}})},
                 {"asymmetric",
                  MeanPool({2, 3},
                           {.stride = {1, 2}, .pad = {0, 1, 2, 0}, .count_include_pad = false})},
                 {"one_sample", MeanPool({2, 2})}},
      .compared = [] { return MeanPool({2, 2}); },
      .refusals = refusals_of_windows<MeanPool>("MeanPool"),
      .labels = {{"MeanPool((3, 3), stride=2, count_include_pad=false)",
                  MeanPool({3, 3}, {.stride = 2, .count_include_pad = false})}},
      .digest = "edd6f218a4e23991"};
});

const Registration registered_lp_pool(+[] {
  auto image = input({4, 2, 6, 5});
  return LayerRegistration{
      .name = "LPPool",
      .rows = {row("LPPool", LPPool({2, 2}), image, {0, 0}),
               row("LPPoolOdd", LPPool({3}, {.stride = 2, .pad = 1, .p = 3}), input({4, 3, 7}),
                   {0, 0}),
               row("LPPoolOfVolumes", LPPool({2, 2, 2}, {.stride = {1, 2, 2}, .p = 4}),
                   input({4, 2, 3, 4, 4}), {0, 0}),
               row("LPPoolOfSums", LPPool({2, 3}, {.stride = 1, .pad = 1, .dilation = 2, .p = 1}),
                   image, {0, 0}),
               row("LPPoolPastTheEnd", LPPool({3, 3}, {.stride = 2, .ceil_mode = true}), image,
                   {0, 0}),
               without_rows(row("LPPoolOfOneSample", LPPool({2, 2}), input({2, 4, 5}), {0, 0}))},
      .golden = {{"sequence", LPPool({3}, {.stride = 2})},
                 {"image", LPPool({2, 3}, {.p = 4})},
                 {"volume", LPPool({2, 2, 2}, {.stride = {1, 2, 2}})},
                 {"odd", LPPool({2, 2}, {.p = 3})},
                 {"ceil", LPPool({3, 3}, {.stride = 2, .ceil_mode = true})},
                 {"padded", LPPool({3, 3}, {.stride = 2, .pad = 1})},
                 {"one_sample", LPPool({2, 2})}},
      .compared = [] { return LPPool({2, 2}); },
      .refusals = with(refusals_of_windows<LPPool>("LPPool"),
                       refuses<ArgumentError>("[LPPool] expected p above 0 and finite, got 0.",
                                              [] { LPPool({2}, {.p = 0}); })),
      .labels = {{"LPPool((2, 2), p=3)", LPPool({2, 2}, {.p = 3})},
                 {"LPPool((2, 2), pad=1)", LPPool({2, 2}, {.pad = 1})}},
      .digest = "c4077e8cf0c2041c"};
});

const AdaptivePoolOptions uniform{.windows = AdaptiveWindows::Uniform};

const Registration registered_adaptive_max_pool(+[] {
  auto image = input({4, 2, 5, 10});
  return LayerRegistration{
      .name = "AdaptiveMaxPool",
      .rows = {row("AdaptiveMaxPool", AdaptiveMaxPool({3, 4}), image, {0, 0}),
               row("AdaptiveMaxPoolOfSequences", AdaptiveMaxPool({2}), input({4, 3, 5}), {0, 0}),
               row("AdaptiveMaxPoolOfVolumes", AdaptiveMaxPool({2, 1, 3}), input({4, 2, 3, 4, 5}),
                   {0, 0}),
               row("AdaptiveMaxPoolUniform", AdaptiveMaxPool({3, 4}, uniform), image, {0, 0})},
      .golden = {{"sequence", AdaptiveMaxPool({3})},
                 {"image", AdaptiveMaxPool({3, 4})},
                 {"volume", AdaptiveMaxPool({2, 1, 3})},
                 {"repeated", AdaptiveMaxPool({4, 2})},
                 {"uniform", AdaptiveMaxPool({3, 4}, uniform)},
                 {"one_sample", AdaptiveMaxPool({2, 2})}},
      .compared = [] { return AdaptiveMaxPool({5, 5}); },
      .refusals = refusals_of_sizes<AdaptiveMaxPool>("AdaptiveMaxPool"),
      .labels = {{"AdaptiveMaxPool((2, 3))", AdaptiveMaxPool({2, 3})},
                 {"AdaptiveMaxPool((2,), windows=uniform)", AdaptiveMaxPool({2}, uniform)}},
      .digest = "2e3c46d356a8fc0e"};
});

const Registration registered_adaptive_mean_pool(+[] {
  auto image = input({4, 2, 5, 10});
  return LayerRegistration{
      .name = "AdaptiveMeanPool",
      .rows = {row("AdaptiveMeanPool", AdaptiveMeanPool({3, 4}), image, {0, 0}),
               row("AdaptiveMeanPoolOfSequences", AdaptiveMeanPool({2}), input({4, 3, 5}), {0, 0}),
               row("AdaptiveMeanPoolOfVolumes", AdaptiveMeanPool({2, 1, 3}), input({4, 2, 3, 4, 5}),
                   {0, 0}),
               row("AdaptiveMeanPoolUniform", AdaptiveMeanPool({3, 4}, uniform), image, {0, 0})},
      .golden = {{"sequence", AdaptiveMeanPool({3})},
                 {"image", AdaptiveMeanPool({3, 4})},
                 {"volume", AdaptiveMeanPool({2, 1, 3})},
                 {"repeated", AdaptiveMeanPool({4, 2})},
                 {"uniform", AdaptiveMeanPool({3, 4}, uniform)},
                 {"one_sample", AdaptiveMeanPool({1, 1})}},
      .compared = [] { return AdaptiveMeanPool({5, 5}); },
      .refusals = refusals_of_sizes<AdaptiveMeanPool>("AdaptiveMeanPool"),
      .labels = {{"AdaptiveMeanPool((2, 3))", AdaptiveMeanPool({2, 3})}},
      .digest = "2e3c46d356a8fc0e"};
});

const Registration registered_adaptive_lp_pool(+[] {
  auto image = input({4, 2, 5, 10});
  return LayerRegistration{
      .name = "AdaptiveLPPool",
      .rows = {row("AdaptiveLPPool", AdaptiveLPPool({3, 4}), image, {0, 0}),
               row("AdaptiveLPPoolOdd", AdaptiveLPPool({2}, {.p = 3}), input({4, 3, 5}), {0, 0}),
               row("AdaptiveLPPoolUniform",
                   AdaptiveLPPool({3, 4}, {.windows = AdaptiveWindows::Uniform}), image, {0, 0})},
      .golden = {{"image", AdaptiveLPPool({3, 4})},
                 {"odd", AdaptiveLPPool({2, 2}, {.p = 3})},
                 {"uniform", AdaptiveLPPool({3, 4}, {.windows = AdaptiveWindows::Uniform})},
                 {"one_sample", AdaptiveLPPool({2, 2})}},
      .no_comparison = "torch.nn has no such module",
      .refusals =
          with(refusals_of_sizes<AdaptiveLPPool>("AdaptiveLPPool"),
               refuses<ArgumentError>("[AdaptiveLPPool] expected p above 0 and finite, got -1.",
                                      [] { AdaptiveLPPool({2}, {.p = -1}); })),
      .labels = {{"AdaptiveLPPool((2, 3))", AdaptiveLPPool({2, 3})},
                 {"AdaptiveLPPool((2,), windows=uniform, p=3)",
                  AdaptiveLPPool({2}, {.p = 3, .windows = AdaptiveWindows::Uniform})}},
      .digest = "dec1c21ca9774d3d"};
});

const Registration registered_global_max_pool(+[] {
  return LayerRegistration{
      .name = "GlobalMaxPool",
      .rows = {row("GlobalMaxPool", GlobalMaxPool(), input({4, 3, 4, 5}), {0, 0}),
               row("GlobalMaxPoolOfSequences", GlobalMaxPool(), input({4, 3, 5}), {0, 0})},
      .golden = {{"sequence", GlobalMaxPool()},
                 {"image", GlobalMaxPool()},
                 {"volume", GlobalMaxPool()}},
      .compared = [] { return GlobalMaxPool(); },
      .refusals = refusals_of_channels<GlobalMaxPool>("GlobalMaxPool"),
      .labels = {{"GlobalMaxPool()", GlobalMaxPool()}},
      .digest = "1861bf1d032ff6c1"};
});

const Registration registered_global_mean_pool(+[] {
  return LayerRegistration{
      .name = "GlobalMeanPool",
      .rows = {row("GlobalMeanPool", GlobalMeanPool(), input({4, 3, 4, 5}), {0, 0}),
               row("GlobalMeanPoolOfSequences", GlobalMeanPool(), input({4, 3, 5}), {0, 0})},
      .golden = {{"sequence", GlobalMeanPool()},
                 {"image", GlobalMeanPool()},
                 {"volume", GlobalMeanPool()}},
      .compared = [] { return GlobalMeanPool(); },
      .refusals = refusals_of_channels<GlobalMeanPool>("GlobalMeanPool"),
      .labels = {{"GlobalMeanPool()", GlobalMeanPool()}},
      .digest = "1861bf1d032ff6c1"};
});

const Registration registered_global_lp_pool(+[] {
  return LayerRegistration{
      .name = "GlobalLPPool",
      .rows = {row("GlobalLPPool", GlobalLPPool(), input({4, 3, 4, 5}), {0, 0}),
               row("GlobalLPPoolOdd", GlobalLPPool(3), input({4, 3, 5}), {0, 0})},
      .golden = {{"sequence", GlobalLPPool()},
                 {"image", GlobalLPPool(3)},
                 {"volume", GlobalLPPool()}},
      .compared = [] { return GlobalLPPool(); },
      .refusals =
          with(refusals_of_channels<GlobalLPPool>("GlobalLPPool"),
               refuses<ArgumentError>("[GlobalLPPool] expected p above 0 and finite, got nan.",
                                      [] { GlobalLPPool(std::nan("")); })),
      .labels = {{"GlobalLPPool()", GlobalLPPool()}, {"GlobalLPPool(p=3)", GlobalLPPool(3)}},
      .digest = "1861bf1d032ff6c1"};
});

}  // namespace
}  // namespace luxtorch::testing
