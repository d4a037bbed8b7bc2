// A few factories and joins of torch, declared without torch's headers (their bodies are in
// src/core/ops.cpp). Arguments and results are torch's: see torch.zeros, torch.cat and so on.
//
//     auto h0 = zeros({32, 8});                      // (32, 8), float32, CPU
//     auto both = cat({forward, backward}, -1);
//
// Level 0. Anything else of torch is there under at:: with <ATen/ops/NAME.h>.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/core/operators.h"
#include "luxtorch/core/types.h"

namespace luxtorch {

/// Where and as what a new tensor is made.
struct LUXTORCH_API TensorOptions {
  Dtype dtype = kFloat32;
  Device device = Device(c10::DeviceType::CPU);
};

LUXTORCH_API Tensor zeros(ShapeView shape, TensorOptions options = {});
LUXTORCH_API Tensor ones(ShapeView shape, TensorOptions options = {});
LUXTORCH_API Tensor full(ShapeView shape, const at::Scalar& value, TensorOptions options = {});
LUXTORCH_API Tensor arange(int64_t end, TensorOptions options = {.dtype = kInt64});
LUXTORCH_API Tensor linspace(double start, double end, int64_t steps, TensorOptions options = {});
LUXTORCH_API Tensor eye(int64_t n, TensorOptions options = {});
/// A 1-dimensional tensor of the values' own type: tensor({1, 2}) is int64, tensor({1, 2.5}) and
/// tensor({1., 2.}) are float32, tensor({true, false}) is bool; tensor({1, 2}, {.dtype = kFloat64})
/// is what the options say.
LUXTORCH_API Tensor tensor(std::initializer_list<double> values, TensorOptions options = {});
LUXTORCH_API Tensor tensor(const std::vector<double>& values, TensorOptions options = {});
LUXTORCH_API Tensor tensor(const std::vector<int64_t>& values,
                           TensorOptions options = {.dtype = kInt64});
template <std::integral I>
Tensor tensor(std::initializer_list<I> values,
              TensorOptions options = {.dtype = std::same_as<I, bool> ? kBool : kInt64}) {
  return tensor(std::vector<int64_t>(values.begin(), values.end()), options);
}

LUXTORCH_API Tensor cat(const std::vector<Tensor>& tensors, int64_t dim = 0);
LUXTORCH_API Tensor stack(const std::vector<Tensor>& tensors, int64_t dim = 0);
LUXTORCH_API Tensor einsum(std::string_view equation, const std::vector<Tensor>& tensors);

}  // namespace luxtorch
