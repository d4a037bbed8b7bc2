// The optimizers' formulas as operators of torch, for derivatives.
//
// Level 4.
#pragma once

#include "kernels/optimizer.h"
#include "luxtorch/core/types.h"

namespace luxtorch::detail {

/// A formula's direction; the slots become new tensors.
Tensor recorded_direction(kernels::Formula formula, const double* c, const Tensor& g,
                          const Tensor& x, Tensor* slots);

}  // namespace luxtorch::detail
