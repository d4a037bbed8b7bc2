// Numbers for tests whose values do not matter.
#pragma once

#include <vector>

#include "luxtorch/rng.h"

namespace luxtorch::testing {

inline Tensor normal(uint64_t seed, const std::vector<int64_t>& shape, Dtype dtype = kFloat64) {
  return random::normal(Rng(seed), shape, 0, 1, dtype);
}

}  // namespace luxtorch::testing
