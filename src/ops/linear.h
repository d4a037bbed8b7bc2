// x times a transposed weight, without what torch's operator does for shapes and graphs that are not there.
//
// Level 1.5.
#pragma once

#include "luxtorch/core/types.h"

namespace luxtorch::ops {

/// y = x weight^T + bias. x: (..., in); weight: (out, in); bias: (out), or undefined. y: (..., out). Counts for summary.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

}  // namespace luxtorch::ops
