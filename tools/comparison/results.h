// What a case computes, for its values to be compared.
#pragma once

#include "problem.h"

namespace comparison {

/// On the CPU: output (y_hat of the first batch), loss, gradients (x, and ps as a state dict), states
/// (after that call, as a state dict), losses (steps; float64) of so many training steps.
luxtorch::Tree results(const Problem& problem, int64_t steps);

}  // namespace comparison
