// Rows of several lengths and their sizes, for the tests of what runs cells over sequences.
#pragma once

#include <cmath>
#include <vector>

#include "luxtorch/core/ops.h"
#include "luxtorch/rng.h"

namespace luxtorch::testing {

inline constexpr int64_t kBatch = 4, kTime = 5, kIn = 2, kOut = 3;

inline Tensor features() { return random::normal(Rng(1), {kBatch, kTime, kIn}, 0, 1, kFloat64); }

/// What lies beyond the rows' ends is NaN.
inline Tensor spoilt(const Tensor& x, const std::vector<int64_t>& lengths) {
  auto missing = arange(kTime).unsqueeze(0).ge(tensor(lengths).unsqueeze(1));
  return x.masked_fill(missing.unsqueeze(-1), std::nan(""));
}

}  // namespace luxtorch::testing
