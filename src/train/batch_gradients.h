// The loss of a batch and its gradients, as a training step needs them.
#pragma once

#include <vector>

#include "luxtorch/train/train_state.h"
#include "optim/flat_gradients.h"

namespace luxtorch::detail {

struct BatchGradients {
  std::vector<Tensor> by_array;  // of the layout; undefined: frozen
  Tree grads;                    // the same for the caller, at the parameters' places
  Tensor loss;
  Tree stats, states;
};

/// Of the whole batch, part by part where the options say so, and after their reduce. kept: memory for
/// gradients that must lie together. who: the function in error texts.
BatchGradients batch_gradients(const Objective& objective, const Tree& batch, const TrainState& ts,
                               FlatGradients& kept, const char* who);

}  // namespace luxtorch::detail
