// Functions of tensors and a tensor for them, for tests of layers that take functions.
#pragma once

#include "luxtorch/core/operators.h"
#include "luxtorch/rng.h"

namespace luxtorch::testing {

inline Tensor add(const Tensor& a, const Tensor& b) { return a + b; }
inline Tensor minus(const Tensor& a, const Tensor& b) { return a - b; }
inline Tensor twice(const Tensor& x) { return x * 2; }
inline Tensor plus_one(const Tensor& x) { return x + 1; }

inline Tensor x34() { return random::normal(Rng(1), {3, 4}); }

}  // namespace luxtorch::testing
