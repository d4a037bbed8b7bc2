#include "luxtorch/core/values.h"

#include <ATen/EmptyTensor.h>
#include <ATen/ops/from_blob.h>

#include <cstring>
#include <string>

#include "luxtorch/core/error.h"

namespace luxtorch::detail {

namespace {

// Level 0 knows no text.h.
std::string text(ShapeView shape) {
  std::string s;
  for (int64_t n : shape) s += (s.empty() ? "" : ", ") + std::to_string(n);
  return "(" + s + ")";
}

}  // namespace

Tensor copied(const void* values, Dtype dtype, int64_t count, ShapeView shape,
              TensorOptions options) {
  int64_t wanted = 1;
  for (int64_t n : shape) {
    if (n < 0 || __builtin_mul_overflow(wanted, n, &wanted)) {
      throw ShapeError("tensor", "expected a shape of sizes from 0, got " + text(shape) + ".");
    }
  }
  if (wanted != count) {
    throw ShapeError("tensor", "expected " + std::to_string(wanted) + " values for the shape " +
                                   text(shape) + ", got " + std::to_string(count) + ".");
  }
  // Not by the dispatcher: under a function transform that tensor would have no memory of its own.
  Tensor t = at::detail::empty_cpu(shape, dtype);
  if (count != 0) std::memcpy(t.mutable_data_ptr(), values, t.nbytes());
  return t.to(at::TensorOptions().dtype(options.dtype).device(options.device));
}

Tensor viewed(void* memory, Dtype dtype, ShapeView shape) {
  return at::from_blob(memory, shape, at::TensorOptions().dtype(dtype));
}

void copy_out(const Tensor& x, Dtype dtype, void* values) {
  if (!x.defined() || x.is_complex()) {
    throw ShapeError("to_vector",
                     std::string("expected a tensor of real numbers, got ") +
                         (x.defined() ? "a complex one. Take x.real()." : "an undefined one."));
  }
  Tensor own = x.detach().to(c10::kCPU);
  Tensor y = own.to(dtype).contiguous();
  if (!at::isFloatingType(dtype) && !y.to(own.scalar_type()).equal(own)) {
    throw ArgumentError("to_vector", std::string("expected values that ") + c10::toString(dtype) +
                                         " can hold, got " + c10::toString(x.scalar_type()) +
                                         " with others. Round them, or take another type.");
  }
  if (y.numel() != 0) std::memcpy(values, y.const_data_ptr(), y.nbytes());
}

void check_row(size_t size, size_t first) {
  if (size == first) return;
  throw ShapeError("tensor", "expected rows of one length, got " + std::to_string(first) +
                                 " values in the first and " + std::to_string(size) +
                                 " in another.");
}

}  // namespace luxtorch::detail
