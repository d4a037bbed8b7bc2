// RMSNorm over the last dimensions as one pass over memory, and one autograd node.
#pragma once

#include "luxtorch/core/types.h"

namespace luxtorch::ops {

/// May fused_rms_norm read x and scale?
bool may_fuse_rms_norm(const Tensor& x, const Tensor& scale);
/// x / sqrt(mean(x^2) + epsilon) * scale in each row of so many features. scale: of that many numbers, or
/// undefined. x and scale: as may_fuse_rms_norm says.
Tensor fused_rms_norm(const Tensor& x, const Tensor& scale, int64_t features, double epsilon);

}  // namespace luxtorch::ops
