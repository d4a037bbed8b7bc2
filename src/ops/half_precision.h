// Which dtypes are of half precision.
//
// Level 1.5.
#pragma once

#include "luxtorch/core/types.h"

namespace luxtorch::ops {

/// float16 or bfloat16, whose sums and powers are taken in float32?
inline bool is_half(const Tensor& t) {
  return t.scalar_type() == Dtype::Half || t.scalar_type() == Dtype::BFloat16;
}

}  // namespace luxtorch::ops
