// Torch's operators as functions, for those who write exp(x) rather than x.exp(), and Tensor's logical operators.
//
//     Tensor y = lux::log(lux::exp(x) + 1);
//     Tensor z = lux::matmul(a, b) / lux::sqrt(lux::sum(lux::square(a), 1, true));
//     Tensor inside = x > 0 && !(x > 1);                 // element by element: both sides are computed
//
// Level 0. Each is the method of its name: shapes, dtypes and errors are torch.exp's and so on. They are templates, so
// torch's own win where both are visible: a program with `using namespace luxtorch` may include <torch/torch.h> too.
// Activations (sigmoid, tanh, relu, softmax and the like) are values in ops/activation.h, called in the same way.
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

/// The greatest and the least element; along a dimension with the positions: auto [values, indices] = max(x, 1).
template <std::derived_from<Tensor> T>
Tensor max(const T& x) {
  return x.max();
}
template <std::derived_from<Tensor> T>
std::tuple<Tensor, Tensor> max(const T& x, int64_t dim, bool keepdim = false) {
  return x.max(dim, keepdim);
}
template <std::derived_from<Tensor> T>
Tensor min(const T& x) {
  return x.min();
}
template <std::derived_from<Tensor> T>
std::tuple<Tensor, Tensor> min(const T& x, int64_t dim, bool keepdim = false) {
  return x.min(dim, keepdim);
}
/// Variance and standard deviation with n - 1 in the denominator, as torch's own. Say lux::std: after a using directive a
/// bare std is the namespace too.
template <std::derived_from<Tensor> T>
Tensor var(const T& x) {
  return x.var(true);
}
template <std::derived_from<Tensor> T>
Tensor var(const T& x, at::IntArrayRef dims, bool keepdim = false) {
  return x.var(dims, true, keepdim);
}
template <std::derived_from<Tensor> T>
Tensor std(const T& x) {
  return x.std(true);
}
template <std::derived_from<Tensor> T>
Tensor std(const T& x, at::IntArrayRef dims, bool keepdim = false) {
  return x.std(dims, true, keepdim);
}
/// The 2-norm, of all elements or along dimensions.
template <std::derived_from<Tensor> T>
Tensor norm(const T& x) {
  return x.norm();
}
template <std::derived_from<Tensor> T>
Tensor norm(const T& x, at::IntArrayRef dims, bool keepdim = false) {
  return x.norm(2, dims, keepdim);
}
template <std::derived_from<Tensor> T>
Tensor logsumexp(const T& x, at::IntArrayRef dims, bool keepdim = false) {
  return x.logsumexp(dims, keepdim);
}
template <std::derived_from<Tensor> T>
Tensor cumsum(const T& x, int64_t dim) {
  return x.cumsum(dim);
}
/// logsoftmax of ops/activation.h by torch's name.
template <std::derived_from<Tensor> T>
Tensor log_softmax(const T& x, int64_t dim = -1) {
  return x.log_softmax(dim);
}
template <std::derived_from<Tensor> T>
Tensor pow(const T& x, const at::Scalar& exponent) {
  return x.pow(exponent);
}
template <std::derived_from<Tensor> T>
Tensor clamp(const T& x, const at::Scalar& low, const at::Scalar& high) {
  return x.clamp(low, high);
}
template <std::derived_from<Tensor> T>
Tensor reshape(const T& x, at::IntArrayRef shape) {
  return x.reshape(shape);
}
template <std::derived_from<Tensor> T>
Tensor transpose(const T& x, int64_t dim, int64_t other) {
  return x.transpose(dim, other);
}
template <std::derived_from<Tensor> T>
Tensor unsqueeze(const T& x, int64_t dim) {
  return x.unsqueeze(dim);
}
template <std::derived_from<Tensor> T>
Tensor squeeze(const T& x) {
  return x.squeeze();
}
template <std::derived_from<Tensor> T>
Tensor squeeze(const T& x, int64_t dim) {
  return x.squeeze(dim);
}

// x where the condition holds, else y. A number on either side has the tensor's dtype where that can hold it:
// where(x > 0, x, 0).
template <std::derived_from<Tensor> T, std::derived_from<Tensor> U>
Tensor where(const Tensor& condition, const T& x, const U& y) {
  return x.where(condition, y);
}
template <std::derived_from<Tensor> T>
Tensor where(const Tensor& condition, const T& x, const at::Scalar& y) {
  return x.where(condition, y);
}
template <std::derived_from<Tensor> T>
Tensor where(const Tensor& condition, const at::Scalar& x, const T& y) {
  return y.where(condition.logical_not(), x);
}

namespace detail {
LUXTORCH_API Tensor zeros_like(const Tensor& x);
LUXTORCH_API Tensor ones_like(const Tensor& x);
}  // namespace detail

template <std::derived_from<Tensor> T>
Tensor zeros_like(const T& x) {
  return detail::zeros_like(x);
}
template <std::derived_from<Tensor> T>
Tensor ones_like(const T& x) {
  return detail::ones_like(x);
}
/// Uniform on [0, 1) and normal, from torch's default generator of the device, as torch.rand and torch.randn.
/// random::uniform and random::normal draw from an Rng.
LUXTORCH_API Tensor rand(ShapeView shape, TensorOptions options = {});
LUXTORCH_API Tensor randn(ShapeView shape, TensorOptions options = {});
/// Seeds torch's default generators, of all devices.
LUXTORCH_API void manual_seed(uint64_t seed);

}  // namespace luxtorch

namespace at {

template <std::derived_from<Tensor> T>
Tensor operator!(const T& x) {
  return x.logical_not();
}
template <std::derived_from<Tensor> T, std::derived_from<Tensor> U>
Tensor operator&&(const T& x, const U& y) {
  return x.logical_and(y);
}
template <std::derived_from<Tensor> T, std::derived_from<Tensor> U>
Tensor operator||(const T& x, const U& y) {
  return x.logical_or(y);
}
template <std::derived_from<Tensor> T, std::derived_from<Tensor> U>
Tensor operator^(const T& x, const U& y) {
  return x.bitwise_xor(y);
}

}  // namespace at
