#include "luxtorch/layers/dense.h"

#include "case.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/losses/loss.h"

namespace {

using namespace comparison;
using namespace luxtorch;

const Registration dense("layers/dense", [] {
  return Case{Chain(Dense(32, 64), luxtorch::tanh, Dense(64, 10)), MSELoss{}};
});

}  // namespace
