// A small model in training, for the tests of TrainState.
#pragma once

#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/ops/activation.h"
#include "luxtorch/train/train_state.h"
#include "support/compare.h"
#include "train/values.h"

namespace luxtorch::testing {

inline Chain model() { return Chain(Dense(3, 4, tanh), Dense(4, 1)); }
inline Tree batch(double seed = 0) {
  return tuple({values({8, 3}, 1 + seed), values({8, 1}, 2 + seed)});
}

inline TrainState fresh(Optimizer optimizer = Adam(0.01)) {
  auto [ps, st] = setup(Rng(1), model());
  return TrainState(model(), ps, st, std::move(optimizer));
}

inline void expect_same(const TrainState& a, const TrainState& b) {
  EXPECT_SAME(a.parameters(), b.parameters());
  EXPECT_SAME(a.states(), b.states());
  EXPECT_SAME(a.optimizer_state(), b.optimizer_state());
  EXPECT_EQ(a.frozen(), b.frozen());
  EXPECT_EQ(a.step, b.step);
  EXPECT_EQ(a.optimizer().label(), b.optimizer().label());
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
