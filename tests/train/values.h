// Tensors of known numbers, for the tests of optimisers and of TrainState.
#pragma once

#include "luxtorch/core/ops.h"
#include "luxtorch/tree.h"

namespace luxtorch::testing {

inline Tensor values(Shape shape, double seed, Dtype dtype = kFloat32) {
  Tensor k = arange(c10::multiply_integers(shape)).to(kFloat64);
  return ((k * 1.7 + seed) * 0.9).sin().reshape(shape).to(dtype);
}

inline Tree deep_copy(const Tree& t) {
  return tree::map_tensors([](const Tensor& x) { return x.clone(); }, t);
}

}  // namespace luxtorch::testing
