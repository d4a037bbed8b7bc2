// Tensors of float64, for the tests of derivatives and losses.
#pragma once

#include <initializer_list>

#include "luxtorch/core/ops.h"
#include "luxtorch/rng.h"

namespace luxtorch::testing {

inline const TensorOptions kDouble{.dtype = kFloat64};

inline Tensor numbers(std::initializer_list<double> v) { return tensor(v, kDouble); }

inline Tensor normal(uint64_t seed, Shape shape) {
  return random::normal(Rng(seed), shape, 0, 1, kFloat64);
}

}  // namespace luxtorch::testing
