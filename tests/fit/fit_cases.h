// A small training for the tests of fit.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "luxtorch/core/functions.h"
#include "luxtorch/data/dataloader.h"
#include "luxtorch/data/toy.h"
#include "luxtorch/fit/fit.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/losses/loss.h"

namespace luxtorch::testing {

/// 60 points of two classes, y (60, 1) float32.
inline Tree points(uint64_t seed = 1) {
  Rng rng(seed);
  Tensor x = random::normal(rng.fold_in("x"), {60, 2});
  Tensor y = (x.select(1, 0) * x.select(1, 1) > 0).to(kFloat32).unsqueeze(1);
  return tuple({x, y});
}

/// A dense network with dropout, so that the states move too.
inline TrainState small_training(Optimizer optimizer = Adam(0.02), TrainStateOptions options = {}) {
  Layer model = Chain(Dense(2, 16, relu), Dropout(0.1), Dense(16, 1));
  auto [ps, st] = setup(Rng(3), model);
  return TrainState(model, ps, st, std::move(optimizer), std::move(options));
}

inline const BinaryCrossEntropyLoss kLoss{.logits = true};

/// Six whole batches and a smaller one, in a new order each epoch.
inline data::DataLoader training_batches() {
  return data::DataLoader(points(), {.batch_size = 9, .shuffle = true}, Rng(5));
}
inline data::DataLoader validation_batches() {
  return data::DataLoader(points(2), {.batch_size = 25});
}

}  // namespace luxtorch::testing
