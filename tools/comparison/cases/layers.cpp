// Layers that are not recurrent; dense.cpp is the example.
#include "case.h"
#include "luxtorch/layers/checkpointed.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/embedding.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/layers/reshape.h"
#include "luxtorch/losses/loss.h"

namespace {

using namespace comparison;
using namespace luxtorch;

const Registration dense_no_bias("layers/dense_no_bias", [] {
  return Case{Chain(Dense(32, 64, {.use_bias = false}), luxtorch::tanh, Dense(64, 10)), MSELoss{}};
});
const Registration embedding("layers/embedding", [] {
  return Case{Chain(Embedding(1000, 64), FlattenLayer(), Dense(20 * 64, 10)),
              CrossEntropyLoss{.logits = true}};
});
const Registration batch_norm("layers/batchnorm", [] {
  return Case{Chain(Dense(32, 64), BatchNorm(64, {.epsilon = 1e-5, .momentum = 0.1}),
                    luxtorch::tanh, Dense(64, 10)),
              MSELoss{}};
});
const Registration batch_norm_steps("layers/batchnorm_sequence", [] {
  return Case{
      Chain(BatchNorm(16, {.epsilon = 1e-3, .momentum = 0.3}), FlattenLayer(), Dense(16 * 50, 10)),
      MSELoss{}};
});
const Registration reshape("layers/reshape", [] {
  return Case{Chain(Dense(32, 64), ReshapeLayer({8, 8}), Dense(8, 4), FlattenLayer()), MSELoss{}};
});
const Registration skip("layers/skip_connection", [] {
  return Case{Chain(Dense(32, 64),
                    SkipConnection(Chain(Dense(64, 64), luxtorch::tanh),
                                   [](const Tensor& y, const Tensor& x) { return y + x; }),
                    Dense(64, 10)),
              MSELoss{}};
});
const Registration checkpoint("layers/checkpointed", [] {
  return Case{
      Chain(Checkpointed(Chain(Dense(32, 64), luxtorch::tanh, Dense(64, 64))), Dense(64, 10)),
      MSELoss{}};
});
const Registration dropout("layers/dropout", [] {
  return Case{Chain(Dense(32, 64), Dropout(0.5), Dense(64, 10)), MSELoss{}};
});

}  // namespace
