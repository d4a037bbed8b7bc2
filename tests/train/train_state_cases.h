// A small model in training, for the tests of TrainState.
#pragma once

#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/ops/activation.h"
#include "luxtorch/train/train_state.h"

namespace luxtorch::testing {

inline Tensor values(Shape shape, double seed) {
  Tensor k = arange(c10::multiply_integers(shape)).to(kFloat64);
  return ((k * 1.7 + seed) * 0.9).sin().reshape(shape).to(kFloat32);
}

inline Chain model() { return Chain(Dense(3, 4, tanh), Dense(4, 1)); }
inline Tree batch(double seed = 0) {
  return tuple({values({8, 3}, 1 + seed), values({8, 1}, 2 + seed)});
}

inline TrainState fresh(Optimizer optimizer = Adam(0.01)) {
  auto [ps, st] = setup(Rng(1), model());
  return TrainState(model(), ps, st, std::move(optimizer));
}

inline Tree deep_copy(const Tree& t) {
  return tree::map_tensors([](const Tensor& x) { return x.clone(); }, t);
}

/// Where its parameters lie.
inline const void* where(const TrainState& ts) {
  return tree::tensors(ts.parameters())[0].const_data_ptr();
}

inline std::vector<Optimizer> optimizers() {
  return {Descent(0.1),
          Adam(0.01),
          AdamW(0.01, {.lambda = 0.1}),
          OptimiserChain(ClipNorm(0.1), WeightDecay(0.1), Momentum(0.1)),
          OptimiserChain(Adam(0.01), ClipGlobalNorm(0.1)),
          OptimiserChain(AccumGrad(2), Adam(0.01))};
}

}  // namespace luxtorch::testing
