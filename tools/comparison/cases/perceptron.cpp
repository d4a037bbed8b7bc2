// One small model for all optimisers: nearly all of its training step is theirs.
#include "case.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/losses/loss.h"

namespace {

using namespace comparison;
using namespace luxtorch;

const Registration perceptron("optimisers/perceptron", [] {
  return Case{Chain(Dense(64, 128), luxtorch::tanh, Dense(128, 128), luxtorch::tanh, Dense(128, 8)),
              MSELoss{}};
});

}  // namespace
