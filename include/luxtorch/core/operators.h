// Tensor's binary operators, without torch's <ATen/TensorOperators.h> (8 s a file).
//
// They are templates, so torch's own functions win where both are visible: a program may include
// <torch/torch.h> too.
#pragma once

#include <concepts>

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"

namespace luxtorch::detail {
LUXTORCH_API Tensor subtract_from(const at::Scalar& x, const Tensor& y);  // x - y
LUXTORCH_API Tensor divide_by(const at::Scalar& x, const Tensor& y);      // x / y
}  // namespace luxtorch::detail

namespace at {

#define LUXTORCH_BINARY_OPERATOR(op, method, scalar_first)            \
  template <std::derived_from<Tensor> T, std::derived_from<Tensor> U> \
  Tensor operator op(const T& x, const U& y) {                        \
    return x.method(y);                                               \
  }                                                                   \
  template <std::derived_from<Tensor> T>                              \
  Tensor operator op(const T& x, const Scalar& y) {                   \
    return x.method(y);                                               \
  }                                                                   \
  template <std::derived_from<Tensor> T>                              \
  Tensor operator op(const Scalar& x, const T& y) {                   \
    return scalar_first;                                              \
  }
// Of two tensors, or of a tensor and a number in either order. Broadcasting, dtypes and errors are
// those of the method: x + y is x.add(y). Comparisons give bool tensors.
LUXTORCH_BINARY_OPERATOR(+, add, y.add(x))
LUXTORCH_BINARY_OPERATOR(*, mul, y.mul(x))
LUXTORCH_BINARY_OPERATOR(-, sub, ::luxtorch::detail::subtract_from(x, y))
LUXTORCH_BINARY_OPERATOR(/, div, ::luxtorch::detail::divide_by(x, y))
LUXTORCH_BINARY_OPERATOR(<, lt, y.gt(x))
LUXTORCH_BINARY_OPERATOR(>, gt, y.lt(x))
LUXTORCH_BINARY_OPERATOR(<=, le, y.ge(x))
LUXTORCH_BINARY_OPERATOR(>=, ge, y.le(x))
LUXTORCH_BINARY_OPERATOR(==, eq, y.eq(x))
LUXTORCH_BINARY_OPERATOR(!=, ne, y.ne(x))
LUXTORCH_BINARY_OPERATOR(&, bitwise_and, y.bitwise_and(x))
LUXTORCH_BINARY_OPERATOR(|, bitwise_or, y.bitwise_or(x))
#undef LUXTORCH_BINARY_OPERATOR

}  // namespace at
