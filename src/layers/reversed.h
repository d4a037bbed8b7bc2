// The order of dimensions in Julia's arrays of data.
//
// Level 3.
#pragma once

#include <vector>

#include "luxtorch/core/types.h"

namespace luxtorch {

/// (a, b, c) as (c, b, a): a view.
inline Tensor reversed(const Tensor& t) {
  std::vector<int64_t> dims;
  for (int64_t i = t.dim(); i-- > 0;) dims.push_back(i);
  return t.permute(dims);
}

}  // namespace luxtorch
