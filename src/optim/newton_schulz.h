// Newton and Schulz's iteration towards the nearest orthogonal matrix.
//
// Level 4.
#pragma once

#include <array>
#include <cstdint>

#include "luxtorch/core/types.h"

namespace luxtorch::detail {

/// About U V^T for m = U S V^T, in bfloat16: the iteration of torch.optim.Muon, whose singular
/// values end between 0.5 and 1.5.
Tensor orthogonalized(const Tensor& m, const std::array<double, 3>& coefficients, int64_t steps,
                      double epsilon);

}  // namespace luxtorch::detail
