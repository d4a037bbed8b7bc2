#include "luxtorch/core/ops.h"

#include <ATen/EmptyTensor.h>
#include <ATen/ScalarOps.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

namespace luxtorch {

Shape::Shape(ShapeView sizes) : sizes_(sizes.begin(), sizes.end()) {}

std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << ShapeView(shape); }

namespace {

at::TensorOptions torch_options(TensorOptions o) {
  return at::TensorOptions().dtype(o.dtype).device(o.device);
}

template <class T>
Tensor copy_of(const T* data, size_t size, Dtype own, TensorOptions o) {
  // Not by the dispatcher: under a function transform that tensor would have no memory of its own.
  Tensor t = at::detail::empty_cpu({static_cast<int64_t>(size)}, own);
  std::copy_n(data, size, t.mutable_data_ptr<T>());
  return t.to(torch_options(o));
}

}  // namespace

// A wrapped scalar stays out of type promotion: 1 - y has y's dtype.
Tensor detail::subtract_from(const at::Scalar& x, const Tensor& y) {
  return at::native::wrapped_scalar_tensor(x, y.device()).sub(y);
}
Tensor detail::divide_by(const at::Scalar& x, const Tensor& y) {
  return at::native::wrapped_scalar_tensor(x, y.device()).div(y);
}

Tensor zeros(ShapeView shape, TensorOptions o) { return at::zeros(shape, torch_options(o)); }
Tensor ones(ShapeView shape, TensorOptions o) { return at::ones(shape, torch_options(o)); }
Tensor full(ShapeView shape, const at::Scalar& value, TensorOptions o) {
  return at::full(shape, value, torch_options(o));
}
Tensor arange(int64_t end, TensorOptions o) { return at::arange(end, torch_options(o)); }
Tensor linspace(double start, double end, int64_t steps, TensorOptions o) {
  return at::linspace(start, end, steps, torch_options(o));
}
Tensor eye(int64_t n, TensorOptions o) { return at::eye(n, torch_options(o)); }
Tensor tensor(std::initializer_list<double> v, TensorOptions o) {
  return copy_of(v.begin(), v.size(), kFloat64, o);
}
Tensor tensor(const std::vector<double>& v, TensorOptions o) {
  return copy_of(v.data(), v.size(), kFloat64, o);
}
Tensor tensor(const std::vector<int64_t>& v, TensorOptions o) {
  return copy_of(v.data(), v.size(), kInt64, o);
}

Tensor cat(const std::vector<Tensor>& tensors, int64_t dim) { return at::cat(tensors, dim); }
Tensor stack(const std::vector<Tensor>& tensors, int64_t dim) { return at::stack(tensors, dim); }
Tensor einsum(std::string_view equation, const std::vector<Tensor>& tensors) {
  return at::einsum(c10::string_view(equation.data(), equation.size()), tensors);
}

}  // namespace luxtorch
