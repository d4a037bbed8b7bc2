// Muon's step of one matrix.
//
// Level 4.
#pragma once

#include "luxtorch/core/types.h"
#include "optim/optim_rules.h"

namespace luxtorch::detail {

/// Moves m on and writes the direction to d, as torch.optim.Muon does, with Newton and Schulz's
/// iteration in bfloat16. All of the shape of x and of the dtype of the arithmetic.
void muon_step(const RuleValues& h, const Tensor& g, const Tensor& x, const Tensor& m,
               const Tensor& d);

}  // namespace luxtorch::detail
