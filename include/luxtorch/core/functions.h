// Torch's operators as functions, exp(x) instead of x.exp(), and Tensor's logical operators.
//
//     Tensor y = lux::log(lux::exp(x) + 1);
//     Tensor z = lux::matmul(a, b) / lux::sqrt(lux::sum(lux::square(a), 1, true));
//     Tensor inside = x > 0 && !(x > 1);                 // both sides are always computed
//
// Each function is the method of its name: its shapes, dtypes and errors are those of torch.exp and
// so on. They are templates, so torch's own win where both are visible: a program with `using
// namespace luxtorch` may include <torch/torch.h> too. Activations (sigmoid, tanh, relu, softmax
// and the like) are values in ops/activation.h, called in the same way.
#pragma once

#include <concepts>
#include <tuple>

#include "luxtorch/core/api.h"
#include "luxtorch/core/operators.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/core/types.h"

namespace luxtorch {

#define LUXTORCH_FUNCTION(name)          \
  template <std::derived_from<Tensor> T> \
  Tensor name(const T& x) {              \
    return x.name();                     \
  }
#define LUXTORCH_FUNCTION_OF_TWO(name)                                \
  template <std::derived_from<Tensor> T, std::derived_from<Tensor> U> \
  Tensor name(const T& x, const U& y) {                               \
    return x.name(y);                                                 \
  }
// Of all elements, or along dimensions: one, or a list of them.
#define LUXTORCH_REDUCTION(name)                                        \
  template <std::derived_from<Tensor> T>                                \
  Tensor name(const T& x) {                                             \
    return x.name();                                                    \
  }                                                                     \
  template <std::derived_from<Tensor> T>                                \
  Tensor name(const T& x, at::IntArrayRef dims, bool keepdim = false) { \
    return x.name(dims, keepdim);                                       \
  }
// Of all elements, or along one dimension.
#define LUXTORCH_REDUCTION_BY_ONE(name)                        \
  template <std::derived_from<Tensor> T>                       \
  Tensor name(const T& x) {                                    \
    return x.name();                                           \
  }                                                            \
  template <std::derived_from<Tensor> T>                       \
  Tensor name(const T& x, int64_t dim, bool keepdim = false) { \
    return x.name(dim, keepdim);                               \
  }

// Element by element: y has the shape of x.
LUXTORCH_FUNCTION(abs)
LUXTORCH_FUNCTION(exp)
LUXTORCH_FUNCTION(expm1)
LUXTORCH_FUNCTION(log)
LUXTORCH_FUNCTION(log1p)
LUXTORCH_FUNCTION(log2)
LUXTORCH_FUNCTION(log10)
LUXTORCH_FUNCTION(sqrt)
LUXTORCH_FUNCTION(rsqrt)
LUXTORCH_FUNCTION(square)
LUXTORCH_FUNCTION(reciprocal)
LUXTORCH_FUNCTION(sin)
LUXTORCH_FUNCTION(cos)
LUXTORCH_FUNCTION(tan)
LUXTORCH_FUNCTION(asin)
LUXTORCH_FUNCTION(acos)
LUXTORCH_FUNCTION(atan)
LUXTORCH_FUNCTION(sinh)
LUXTORCH_FUNCTION(cosh)
LUXTORCH_FUNCTION(erf)
LUXTORCH_FUNCTION(sign)
LUXTORCH_FUNCTION(floor)
LUXTORCH_FUNCTION(ceil)
LUXTORCH_FUNCTION(round)
LUXTORCH_FUNCTION(trunc)
LUXTORCH_FUNCTION(isnan)
LUXTORCH_FUNCTION(isinf)
LUXTORCH_FUNCTION(isfinite)
LUXTORCH_FUNCTION(logical_not)

// Of two tensors: products of matrices and vectors, and element by element with broadcasting.
LUXTORCH_FUNCTION_OF_TWO(matmul)
LUXTORCH_FUNCTION_OF_TWO(mm)
LUXTORCH_FUNCTION_OF_TWO(bmm)
LUXTORCH_FUNCTION_OF_TWO(dot)
LUXTORCH_FUNCTION_OF_TWO(outer)
LUXTORCH_FUNCTION_OF_TWO(maximum)
LUXTORCH_FUNCTION_OF_TWO(minimum)
LUXTORCH_FUNCTION_OF_TWO(atan2)
LUXTORCH_FUNCTION_OF_TWO(pow)
LUXTORCH_FUNCTION_OF_TWO(logical_and)
LUXTORCH_FUNCTION_OF_TWO(logical_or)
LUXTORCH_FUNCTION_OF_TWO(logical_xor)

// Of all elements (a scalar tensor), or along the dimensions that are named: sum(x, {0, 1}). With
// keepdim these stay, of size 1.
LUXTORCH_REDUCTION(sum)
LUXTORCH_REDUCTION(mean)
LUXTORCH_REDUCTION_BY_ONE(prod)
LUXTORCH_REDUCTION_BY_ONE(argmax)
LUXTORCH_REDUCTION_BY_ONE(argmin)
LUXTORCH_REDUCTION_BY_ONE(all)
LUXTORCH_REDUCTION_BY_ONE(any)
#undef LUXTORCH_FUNCTION
#undef LUXTORCH_FUNCTION_OF_TWO
#undef LUXTORCH_REDUCTION
#undef LUXTORCH_REDUCTION_BY_ONE

/// The greatest of all elements.
template <std::derived_from<Tensor> T>
Tensor max(const T& x) {
  return x.max();
}
/// The greatest along a dimension, and their positions (int64): auto [values, indices] = max(x, 1).
template <std::derived_from<Tensor> T>
std::tuple<Tensor, Tensor> max(const T& x, int64_t dim, bool keepdim = false) {
  return x.max(dim, keepdim);
}
/// The least of all elements.
template <std::derived_from<Tensor> T>
Tensor min(const T& x) {
  return x.min();
}
/// The least along a dimension, and their positions (int64): auto [values, indices] = min(x, 1).
template <std::derived_from<Tensor> T>
std::tuple<Tensor, Tensor> min(const T& x, int64_t dim, bool keepdim = false) {
  return x.min(dim, keepdim);
}
/// The variance of all elements, with n - 1 in the denominator, as torch.var.
template <std::derived_from<Tensor> T>
Tensor var(const T& x) {
  return x.var(true);
}
/// The variance along dimensions.
template <std::derived_from<Tensor> T>
Tensor var(const T& x, at::IntArrayRef dims, bool keepdim = false) {
  return x.var(dims, true, keepdim);
}
/// The standard deviation of all elements, with n - 1 in the denominator, as torch.std. Write
/// lux::std: after `using namespace luxtorch` a bare std is the namespace too.
template <std::derived_from<Tensor> T>
Tensor std(const T& x) {
  return x.std(true);
}
/// The standard deviation along dimensions.
template <std::derived_from<Tensor> T>
Tensor std(const T& x, at::IntArrayRef dims, bool keepdim = false) {
  return x.std(dims, true, keepdim);
}
/// The 2-norm of all elements.
template <std::derived_from<Tensor> T>
Tensor norm(const T& x) {
  return x.norm();
}
/// The 2-norm along dimensions.
template <std::derived_from<Tensor> T>
Tensor norm(const T& x, at::IntArrayRef dims, bool keepdim = false) {
  return x.norm(2, dims, keepdim);
}
/// log(sum(exp(x), dims)), without overflow.
template <std::derived_from<Tensor> T>
Tensor logsumexp(const T& x, at::IntArrayRef dims, bool keepdim = false) {
  return x.logsumexp(dims, keepdim);
}
/// The sums of the first 1, 2, ... elements along a dimension: the shape of x.
template <std::derived_from<Tensor> T>
Tensor cumsum(const T& x, int64_t dim) {
  return x.cumsum(dim);
}
/// logsoftmax of ops/activation.h under torch's name.
template <std::derived_from<Tensor> T>
Tensor log_softmax(const T& x, int64_t dim = -1) {
  return x.log_softmax(dim);
}
/// Each element to the power of a number.
template <std::derived_from<Tensor> T>
Tensor pow(const T& x, const at::Scalar& exponent) {
  return x.pow(exponent);
}
/// Each element, but at least `low` and at most `high`.
template <std::derived_from<Tensor> T>
Tensor clamp(const T& x, const at::Scalar& low, const at::Scalar& high) {
  return x.clamp(low, high);
}
/// The same elements in another shape, of which one size may be -1, what is left. A view if torch
/// can give one.
template <std::derived_from<Tensor> T>
Tensor reshape(const T& x, at::IntArrayRef shape) {
  return x.reshape(shape);
}
/// A view with two dimensions exchanged.
template <std::derived_from<Tensor> T>
Tensor transpose(const T& x, int64_t dim, int64_t other) {
  return x.transpose(dim, other);
}
/// A view with a new dimension of size 1 at `dim`.
template <std::derived_from<Tensor> T>
Tensor unsqueeze(const T& x, int64_t dim) {
  return x.unsqueeze(dim);
}
/// A view without the dimensions of size 1.
template <std::derived_from<Tensor> T>
Tensor squeeze(const T& x) {
  return x.squeeze();
}
/// A view without the dimension `dim` if its size is 1, else x.
template <std::derived_from<Tensor> T>
Tensor squeeze(const T& x, int64_t dim) {
  return x.squeeze(dim);
}

/// x where the condition (bool) holds, else y, with broadcasting.
template <std::derived_from<Tensor> T, std::derived_from<Tensor> U>
Tensor where(const Tensor& condition, const T& x, const U& y) {
  return x.where(condition, y);
}
/// The same with a number for y, which gets the dtype of x if that can hold it: where(x > 0, x, 0).
template <std::derived_from<Tensor> T>
Tensor where(const Tensor& condition, const T& x, const at::Scalar& y) {
  return x.where(condition, y);
}
/// The same with a number for x.
template <std::derived_from<Tensor> T>
Tensor where(const Tensor& condition, const at::Scalar& x, const T& y) {
  return y.where(condition.logical_not(), x);
}

namespace detail {
LUXTORCH_API Tensor zeros_like(const Tensor& x);
LUXTORCH_API Tensor ones_like(const Tensor& x);
}  // namespace detail

/// Zeros of the shape, dtype and device of x.
template <std::derived_from<Tensor> T>
Tensor zeros_like(const T& x) {
  return detail::zeros_like(x);
}
/// Ones of the shape, dtype and device of x.
template <std::derived_from<Tensor> T>
Tensor ones_like(const T& x) {
  return detail::ones_like(x);
}
/// Uniform on [0, 1), from torch's default generator of the device, as torch.rand. random::uniform
/// draws from an Rng instead.
LUXTORCH_API Tensor rand(ShapeView shape, TensorOptions options = {});
/// Normal with mean 0 and standard deviation 1, from torch's default generator of the device, as
/// torch.randn. random::normal draws from an Rng instead.
LUXTORCH_API Tensor randn(ShapeView shape, TensorOptions options = {});
/// Seeds torch's default generators of all devices. An Rng has no global state to seed.
LUXTORCH_API void manual_seed(uint64_t seed);

}  // namespace luxtorch

namespace at {

/// Element by element: bool, true where x is 0.
template <std::derived_from<Tensor> T>
Tensor operator!(const T& x) {
  return x.logical_not();
}
/// Element by element: bool, true where neither is 0. Both sides are always computed.
template <std::derived_from<Tensor> T, std::derived_from<Tensor> U>
Tensor operator&&(const T& x, const U& y) {
  return x.logical_and(y);
}
/// Element by element: bool, true where one is not 0. Both sides are always computed.
template <std::derived_from<Tensor> T, std::derived_from<Tensor> U>
Tensor operator||(const T& x, const U& y) {
  return x.logical_or(y);
}
/// Element by element: the bits that differ, of integers or bools.
template <std::derived_from<Tensor> T, std::derived_from<Tensor> U>
Tensor operator^(const T& x, const U& y) {
  return x.bitwise_xor(y);
}

}  // namespace at
