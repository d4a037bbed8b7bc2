// Which dtypes are of half precision.
//
// Level 1.5.
#pragma once

#include "luxtorch/core/types.h"

namespace luxtorch::ops {

/// float16 or bfloat16, whose sums and powers are taken in float32?
inline bool is_half(Dtype dtype) { return dtype == kFloat16 || dtype == kBFloat16; }
inline bool is_half(const Tensor& t) { return is_half(t.scalar_type()); }
/// The dtype in which sums of this floating dtype are taken.
inline Dtype sum_dtype(Dtype dtype) { return is_half(dtype) ? kFloat32 : dtype; }

}  // namespace luxtorch::ops
