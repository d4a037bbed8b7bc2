// Networks so small that a step is mostly not products, and larger ones that are: dense layers, and a
// LeNet for figures of 28 x 28 pixels.
#include "case.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/conv.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/pooling.h"
#include "luxtorch/layers/reshape.h"
#include "luxtorch/losses/loss.h"

namespace {

using namespace comparison;
using namespace luxtorch;

Case small(Layer model) { return {std::move(model), CrossEntropyLoss{.logits = true}}; }

const Registration small_dense_24("small/24-24-24-2", [] {
  return small(Chain(field("dense_1", Dense(24, 24, relu)), field("dense_2", Dense(24, 24, relu)),
                     field("head", Dense(24, 2))));
});

const Registration small_dense_32("small/2-32-32-32-2", [] {
  return small(Chain(field("dense_1", Dense(2, 32, luxtorch::tanh)),
                     field("dense_2", Dense(32, 32, luxtorch::tanh)),
                     field("dense_3", Dense(32, 32, luxtorch::tanh)), field("head", Dense(32, 2))));
});

const Registration small_dense_784("small/784-128-64-10", [] {
  return small(Chain(field("dense_1", Dense(784, 128, relu)),
                     field("dense_2", Dense(128, 64, relu)), field("head", Dense(64, 10))));
});

const Registration small_dense_512("small/64-512-512-10", [] {
  return small(Chain(field("dense_1", Dense(64, 512, relu)),
                     field("dense_2", Dense(512, 512, relu)), field("head", Dense(512, 10))));
});

const Registration small_lenet("small/lenet", [] {
  return small(Chain(field("conv_1", Conv({5, 5}, 1, 6, relu, {.pad = 2})),
                     field("pool_1", MaxPool({2, 2})), field("conv_2", Conv({5, 5}, 6, 16, relu)),
                     field("pool_2", MaxPool({2, 2})), field("flatten", FlattenLayer()),
                     field("dense_1", Dense(400, 120, relu)),
                     field("dense_2", Dense(120, 84, relu)), field("head", Dense(84, 10))));
});

}  // namespace
