// Numbers of C++ into tensors and out again; printing a tensor.
//
//     Tensor a = lux::tensor({{1., 2.}, {3., 4.}});                      // (2, 2), float32
//     Tensor b = lux::tensor(std::vector<float>{1, 2, 3, 4}, {2, 2});    // a copy
//     Tensor c = lux::from_blob(pointer, {2, 2});                        // a view of the caller's memory
//     std::vector<float> values = lux::to_vector<float>(a);              // row by row
//     double total = a.sum().item<double>();
//     std::cout << a << total << a.sum().item();                         // as torch prints them
//
// Level 0.
#pragma once

#include <ATen/core/Formatting.h>

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <type_traits>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/core/types.h"

namespace luxtorch {

/// C++ types that are elements of a tensor.
template <class T>
concept Element = std::same_as<T, bool> || std::same_as<T, float> || std::same_as<T, double> ||
                  (std::integral<T> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
                   !std::same_as<T, char8_t> && !std::same_as<T, char16_t> &&
                   !std::same_as<T, char32_t> && (std::signed_integral<T> || sizeof(T) == 1));

/// The dtype whose elements are T's in memory.
template <Element T>
constexpr Dtype dtype_of() {
  if constexpr (std::same_as<T, bool>) return kBool;
  if constexpr (std::same_as<T, float>) return kFloat32;
  if constexpr (std::same_as<T, double>) return kFloat64;
  if constexpr (std::unsigned_integral<T>) return Dtype::Byte;
  constexpr Dtype by_size[] = {Dtype::Char, Dtype::Short, Dtype::Int, Dtype::Long};
  return by_size[sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3];
}

namespace detail {

// The dtype that a tensor of such values has unless it is told: float32, int64 or bool.
template <class T>
constexpr Dtype usual_dtype = std::same_as<T, bool> ? kBool
                              : std::integral<T>    ? kInt64
                                                    : kFloat32;

LUXTORCH_API Tensor copied(const void* values, Dtype dtype, int64_t count, ShapeView shape,
                           TensorOptions options);
LUXTORCH_API Tensor viewed(void* memory, Dtype dtype, ShapeView shape);
LUXTORCH_API void copy_out(const Tensor& x, Dtype dtype, void* values);

template <class T>
using Rows = std::initializer_list<std::initializer_list<T>>;
// Refuses rows of several lengths with a ShapeError.
LUXTORCH_API void check_row(size_t size, size_t first);

template <class T>
Tensor of_rows(Rows<T> rows, TensorOptions options) {
  const size_t columns = rows.size() ? rows.begin()->size() : 0;
  std::vector<std::conditional_t<std::same_as<T, bool>, unsigned char, T>> values;
  for (const auto& row : rows) {
    check_row(row.size(), columns);
    values.insert(values.end(), row.begin(), row.end());
  }
  return copied(values.data(), dtype_of<T>(), static_cast<int64_t>(values.size()),
                {static_cast<int64_t>(rows.size()), static_cast<int64_t>(columns)}, options);
}

}  // namespace detail

/// A matrix from its rows, of one length (a ShapeError otherwise). dtypes as those of tensor({...}).
template <std::same_as<double> D = double>
Tensor tensor(detail::Rows<std::type_identity_t<D>> rows, TensorOptions options = {}) {
  return detail::of_rows<D>(rows, options);
}
template <std::integral I>
  requires Element<I>
Tensor tensor(detail::Rows<I> rows, TensorOptions options = {.dtype = detail::usual_dtype<I>}) {
  return detail::of_rows<I>(rows, options);
}
/// A tensor of no dimensions: tensor(3.0) is float32, tensor(3) int64, tensor(true) bool.
template <Element T>
Tensor tensor(T value, TensorOptions options = {.dtype = detail::usual_dtype<T>}) {
  return detail::copied(&value, dtype_of<T>(), 1, {}, options);
}
/// A copy of the values, in the shape that is given (row by row), else in one dimension: float32 from float and double,
/// int64 from integers, bool, or what the options say. A ShapeError where the shape has another number of elements.
template <Element T>
Tensor tensor(const std::vector<T>& values, ShapeView shape,
              TensorOptions options = {.dtype = detail::usual_dtype<T>}) {
  const auto count = static_cast<int64_t>(values.size());
  if constexpr (std::same_as<T, bool>) {
    const std::vector<unsigned char> bytes(values.begin(), values.end());
    return detail::copied(bytes.data(), kBool, count, shape, options);
  } else {
    return detail::copied(values.data(), dtype_of<T>(), count, shape, options);
  }
}
template <Element T>
  requires(!std::same_as<T, double> && !std::same_as<T, int64_t>)  // core/ops.h
Tensor tensor(const std::vector<T>& values,
              TensorOptions options = {.dtype = detail::usual_dtype<T>}) {
  return tensor(values, {static_cast<int64_t>(values.size())}, options);
}

/// A view of memory on the CPU, dense and row by row, of the pointer's own dtype: nothing is copied. The memory must outlive
/// every tensor that shares it; .clone() copies.
template <Element T>
Tensor from_blob(T* memory, ShapeView shape) {
  static_assert(!std::is_const_v<T>,
                "from_blob: a tensor may be written to; copy const memory by "
                "tensor(std::vector<T>(begin, end), shape)");
  return detail::viewed(memory, dtype_of<T>(), shape);
}

/// The elements row by row, of any device and floating dtype. An ArgumentError where T is an integer or bool and
/// an element is not, or does not fit; a ShapeError for a complex or undefined tensor.
template <Element T>
std::vector<T> to_vector(const Tensor& x) {
  const auto count = static_cast<size_t>(x.defined() ? x.numel() : 0);
  if constexpr (std::same_as<T, bool>) {
    std::vector<unsigned char> bytes(count);
    detail::copy_out(x, kBool, bytes.data());
    return {bytes.begin(), bytes.end()};
  } else {
    std::vector<T> values(count);
    detail::copy_out(x, dtype_of<T>(), values.data());
    return values;
  }
}

}  // namespace luxtorch
