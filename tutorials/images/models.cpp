#include "models.h"

#include <luxtorch/luxtorch.h>

namespace lux = luxtorch;
using lux::BatchNorm, lux::Chain, lux::Conv, lux::Dense, lux::FlattenLayer, lux::GlobalMeanPool;
using lux::field, lux::Layer, lux::SkipConnection, lux::Tensor;

namespace {

// LeNet-5 (LeCun et al. 1998) as it is written today: relu, and pools that take the largest of 2 x 2 pixels. 32 x 32 pixels
// become 28 x 28, 14 x 14, 10 x 10, and 5 x 5 of 16 channels.
Layer lenet(int64_t channels, int64_t classes) {
  return Chain(
      field("conv_1", Conv({5, 5}, channels, 6, lux::relu)), field("pool_1", lux::MaxPool({2, 2})),
      field("conv_2", Conv({5, 5}, 6, 16, lux::relu)), field("pool_2", lux::MaxPool({2, 2})),
      field("flatten", FlattenLayer()), field("dense_1", Dense(16 * 5 * 5, 120, lux::relu)),
      field("dense_2", Dense(120, 84, lux::relu)), field("head", Dense(84, classes)));
}

Conv conv_3x3(int64_t in, int64_t out, int64_t stride) {
  return Conv({3, 3}, in, out, {.stride = stride, .pad = 1, .use_bias = false});
}

// y = relu(F(x) + x) with two convolutions in F. A block with more channels than its input sees every other pixel, and its
// shortcut has nothing to learn either: every other pixel of x, and zeros for the new channels (option A of the paper).
// The connection of a SkipConnection is any function of the two.
Layer block(int64_t in, int64_t out) {
  auto add = [=](const Tensor& y, const Tensor& x) {
    if (in == out) return lux::relu(y + x);
    const lux::Slice all, every_other(0, {}, 2);
    auto seen = lux::index(x, {all, all, every_other, every_other});
    auto nothing = lux::zeros_like(seen).repeat({1, out / in - 1, 1, 1});
    return lux::relu(y + lux::cat({seen, nothing}, 1));
  };
  return SkipConnection(
      Chain(field("conv_1", conv_3x3(in, out, out / in)),
            field("norm_1", BatchNorm(out, lux::relu)), field("conv_2", conv_3x3(out, out, 1)),
            field("norm_2", BatchNorm(out))),
      add);
}

// ResNet-20 for small images (He et al. 2015, "Deep residual learning for image recognition", section 4.2): 19 convolutions
// and a dense layer, 0.27 million parameters.
Layer resnet20(int64_t channels, int64_t classes) {
  auto stage = [](int64_t in, int64_t out) {
    return Chain(block(in, out), block(out, out), block(out, out));
  };
  return Chain(field("conv", conv_3x3(channels, 16, 1)), field("norm", BatchNorm(16, lux::relu)),
               field("stage_1", stage(16, 16)), field("stage_2", stage(16, 32)),
               field("stage_3", stage(32, 64)), field("pool", GlobalMeanPool()),
               field("flatten", FlattenLayer()), field("head", Dense(64, classes)));
}

// ConvMixer-64/4 (Trockman and Kolter 2022, "Patches are all you need?") on patches of 2 x 2 pixels. A depthwise
// convolution mixes places, a convolution of one pixel mixes channels.
Layer convmixer(int64_t channels, int64_t classes) {
  const int64_t dims = 64, depth = 4;
  std::vector<Layer> mixers;
  for (int64_t i = 0; i < depth; ++i) {
    mixers.push_back(Chain(SkipConnection(Chain(Conv({5, 5}, dims, dims, lux::gelu,
                                                     {.pad = lux::SamePad{}, .groups = dims}),
                                                BatchNorm(dims)),
                                          [](const Tensor& y, const Tensor& x) { return y + x; }),
                           Conv({1, 1}, dims, dims, lux::gelu), BatchNorm(dims)));
  }
  return Chain(field("patches", Conv({2, 2}, channels, dims, lux::gelu, {.stride = 2})),
               field("norm", BatchNorm(dims)), field("mixers", Chain(mixers)),
               field("pool", GlobalMeanPool()), field("flatten", FlattenLayer()),
               field("head", Dense(dims, classes)));
}

}  // namespace

Layer make_model(const std::string& name, int64_t channels, int64_t classes) {
  if (name == "lenet") return lenet(channels, classes);
  if (name == "convmixer") return convmixer(channels, classes);
  return resnet20(channels, classes);
}
