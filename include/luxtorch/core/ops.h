// A few factories and joins of torch, declared without torch's headers (their bodies are in
// src/core/ops.cpp). Arguments and results are torch's: see torch.zeros, torch.cat and so on.
//
//     auto h0 = zeros({32, 8});                      // (32, 8), float32, CPU
//     auto both = cat({forward, backward}, -1);
//
// All other operators of torch are in the namespace at, with <ATen/ops/NAME.h>.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/core/operators.h"
#include "luxtorch/core/types.h"

namespace luxtorch {

/// The dtype and device of a new tensor.
struct LUXTORCH_API TensorOptions {
  Dtype dtype = kFloat32;                        ///< kFloat32, kFloat64, kInt64, kBool, ...
  Device device = Device(c10::DeviceType::CPU);  ///< gpu_device() and device("cuda:1") give others.
};

/// A tensor of zeros.
LUXTORCH_API Tensor zeros(ShapeView shape, TensorOptions options = {});
/// A tensor of ones.
LUXTORCH_API Tensor ones(ShapeView shape, TensorOptions options = {});
/// A tensor of `value` everywhere. The dtype is the options', not the value's.
LUXTORCH_API Tensor full(ShapeView shape, const at::Scalar& value, TensorOptions options = {});
/// 0, 1, ..., end - 1: int64 (end).
LUXTORCH_API Tensor arange(int64_t end, TensorOptions options = {.dtype = kInt64});
/// `steps` values (steps) at equal distances, from start to end with both.
LUXTORCH_API Tensor linspace(double start, double end, int64_t steps, TensorOptions options = {});
/// The identity matrix (n, n).
LUXTORCH_API Tensor eye(int64_t n, TensorOptions options = {});
/// A vector of the values, whose type gives the dtype: tensor({1, 2}) is int64, tensor({1, 2.5})
/// and tensor({1., 2.}) are float32, tensor({true, false}) is bool. Options with a dtype win:
/// tensor({1, 2}, {.dtype = kFloat64}).
LUXTORCH_API Tensor tensor(std::initializer_list<double> values, TensorOptions options = {});
/// The same from a vector: float32 unless the options say otherwise.
LUXTORCH_API Tensor tensor(const std::vector<double>& values, TensorOptions options = {});
/// The same from a vector of integers: int64 unless the options say otherwise.
LUXTORCH_API Tensor tensor(const std::vector<int64_t>& values,
                           TensorOptions options = {.dtype = kInt64});
/// The same from a list of integers (int64) or of bools (bool).
template <std::integral I>
Tensor tensor(std::initializer_list<I> values,
              TensorOptions options = {.dtype = std::same_as<I, bool> ? kBool : kInt64}) {
  return tensor(std::vector<int64_t>(values.begin(), values.end()), options);
}

/// The tensors one after another along an existing dimension; their other sizes are equal.
LUXTORCH_API Tensor cat(const std::vector<Tensor>& tensors, int64_t dim = 0);
/// Tensors of one shape side by side along a new dimension.
LUXTORCH_API Tensor stack(const std::vector<Tensor>& tensors, int64_t dim = 0);
/// Einstein's sum, as torch.einsum: einsum("bi,ij->bj", {x, w}).
LUXTORCH_API Tensor einsum(std::string_view equation, const std::vector<Tensor>& tensors);

}  // namespace luxtorch
