// Models of small images: LeNet-5, and the ResNet-20 of He et al. 2015 (section 4.2), whose shortcuts have no parameters.
#include "case.h"
#include "luxtorch/core/functions.h"
#include "luxtorch/core/index.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/conv.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/layers/pooling.h"
#include "luxtorch/layers/reshape.h"
#include "luxtorch/losses/loss.h"

namespace {

using namespace comparison;
using namespace luxtorch;

Case of(Layer model) { return {std::move(model), CrossEntropyLoss{.logits = true}}; }

Layer lenet() {
  return Chain(field("conv_1", Conv({5, 5}, 3, 6, relu)), field("pool_1", MaxPool({2, 2})),
               field("conv_2", Conv({5, 5}, 6, 16, relu)), field("pool_2", MaxPool({2, 2})),
               field("flatten", FlattenLayer()), field("dense_1", Dense(400, 120, relu)),
               field("dense_2", Dense(120, 84, relu)), field("head", Dense(84, 10)));
}

Conv conv_3x3(int64_t in, int64_t out) {
  return Conv({3, 3}, in, out, {.stride = out == 2 * in ? 2 : 1, .pad = 1, .use_bias = false});
}

Layer block(int64_t in, int64_t out) {
  auto add = [=](const Tensor& y, const Tensor& x) {
    if (in == out) return relu(y + x);
    const Slice all, every_other(0, {}, 2);
    auto seen = luxtorch::index(x, {all, all, every_other, every_other});
    return relu(y + cat({seen, zeros_like(seen)}, 1));
  };
  return SkipConnection(
      Chain(field("conv_1", conv_3x3(in, out)), field("norm_1", BatchNorm(out, relu)),
            field("conv_2", conv_3x3(out, out)), field("norm_2", BatchNorm(out))),
      add);
}

Layer resnet20() {
  auto stage = [](int64_t in, int64_t out) {
    return Chain(block(in, out), block(out, out), block(out, out));
  };
  return Chain(field("conv", conv_3x3(3, 16)), field("norm", BatchNorm(16, relu)),
               field("stage_1", stage(16, 16)), field("stage_2", stage(16, 32)),
               field("stage_3", stage(32, 64)), field("pool", GlobalMeanPool()),
               field("flatten", FlattenLayer()), field("head", Dense(64, 10)));
}

const Registration lenet_case("models/lenet", [] { return of(lenet()); });
const Registration resnet20_case("models/resnet20", [] { return of(resnet20()); });

}  // namespace
