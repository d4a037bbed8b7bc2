// Numbers of C++ into tensors and out again; printing a tensor.
//
//     Tensor a = lux::tensor({{1., 2.}, {3., 4.}});                      // (2, 2), float32
//     Tensor b = lux::tensor(std::vector<float>{1, 2, 3, 4}, {2, 2});    // a copy
//     Tensor c = lux::from_blob(pointer, {2, 2});                        // a view of your memory
//     std::vector<float> values = lux::to_vector<float>(a);              // row by row
//     double total = a.sum().item<double>();
//     std::cout << a << total << a.sum().item();                         // as torch prints them
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

/// C++ types that a tensor's elements can have: bool, float, double, signed integers of 8 to 64
/// bits and unsigned ones of 8; no characters.
template <class T>
concept Element = std::same_as<T, bool> || std::same_as<T, float> || std::same_as<T, double> ||
                  (std::integral<T> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
                   !std::same_as<T, char8_t> && !std::same_as<T, char16_t> &&
                   !std::same_as<T, char32_t> && (std::signed_integral<T> || sizeof(T) == 1));

/// The dtype whose elements are stored as T: dtype_of<float>() is kFloat32.
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

/// A matrix from its rows, (rows, columns), float32 unless the options say otherwise. ShapeError:
/// rows of several lengths.
template <std::same_as<double> D = double>
Tensor tensor(detail::Rows<std::type_identity_t<D>> rows, TensorOptions options = {}) {
  return detail::of_rows<D>(rows, options);
}
/// The same from integers (int64) or bools (bool).
template <std::integral I>
  requires Element<I>
Tensor tensor(detail::Rows<I> rows, TensorOptions options = {.dtype = detail::usual_dtype<I>}) {
  return detail::of_rows<I>(rows, options);
}
/// A scalar, a tensor of no dimensions: tensor(3.0) is float32, tensor(3) int64, tensor(true) bool.
template <Element T>
Tensor tensor(T value, TensorOptions options = {.dtype = detail::usual_dtype<T>}) {
  return detail::copied(&value, dtype_of<T>(), 1, {}, options);
}
/// A copy of the values in `shape`, row by row: float32 from float and double, int64 from integers,
/// bool from bool, or the dtype of the options. ShapeError: the shape has another number of
/// elements or a size below 0.
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
/// The same in one dimension. The overloads for double and int64_t are in core/ops.h.
template <Element T>
  requires(!std::same_as<T, double> && !std::same_as<T, int64_t>)
Tensor tensor(const std::vector<T>& values,
              TensorOptions options = {.dtype = detail::usual_dtype<T>}) {
  return tensor(values, {static_cast<int64_t>(values.size())}, options);
}

/// A view of memory on the CPU, dense and row by row, of dtype dtype_of<T>(): nothing is copied.
/// The memory must outlive every tensor that shares it; .clone() copies. Const memory does not
/// compile.
template <Element T>
Tensor from_blob(T* memory, ShapeView shape) {
  static_assert(!std::is_const_v<T>,
                "from_blob: a tensor may be written to; copy const memory by "
                "tensor(std::vector<T>(begin, end), shape)");
  return detail::viewed(memory, dtype_of<T>(), shape);
}

/// The elements row by row, of a tensor of any shape, real dtype and device. ArgumentError: T is an
/// integer or bool, and cannot hold an element exactly. ShapeError: a complex or undefined tensor.
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
