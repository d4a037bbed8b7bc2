#include "luxtorch/core/functions.h"

#include <ATen/Context.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros_like.h>

namespace luxtorch {

Tensor detail::zeros_like(const Tensor& x) { return at::zeros_like(x); }
Tensor detail::ones_like(const Tensor& x) { return at::ones_like(x); }
Tensor rand(ShapeView shape, TensorOptions o) {
  return at::rand(shape, at::TensorOptions().dtype(o.dtype).device(o.device));
}
Tensor randn(ShapeView shape, TensorOptions o) {
  return at::randn(shape, at::TensorOptions().dtype(o.dtype).device(o.device));
}
void manual_seed(uint64_t seed) { at::manual_seed(seed); }

}  // namespace luxtorch
