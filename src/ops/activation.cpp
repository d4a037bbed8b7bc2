#include "luxtorch/ops/activation.h"

#include <ATen/ops/celu.h>
#include <ATen/ops/elu.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/hardsigmoid.h>
#include <ATen/ops/hardswish.h>
#include <ATen/ops/hardtanh.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/mish.h>
#include <ATen/ops/prelu.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/relu6.h>
#include <ATen/ops/selu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/softshrink.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/where.h>

#include <numbers>
#include <vector>

#include "transforms.h"

namespace luxtorch::detail::activation {

Tensor identity(const Tensor& x) { return x; }
Tensor sigmoid(const Tensor& x) { return at::sigmoid(x); }
Tensor tanh(const Tensor& x) { return at::tanh(x); }
Tensor relu(const Tensor& x) { return at::relu(x); }
Tensor relu6(const Tensor& x) { return at::relu6(x); }
Tensor leakyrelu(const Tensor& x) { return at::leaky_relu(x); }
Tensor elu(const Tensor& x) { return at::elu(x); }
Tensor celu(const Tensor& x) { return at::celu(x); }
Tensor selu(const Tensor& x) { return at::selu(x); }
Tensor gelu(const Tensor& x) { return at::gelu(x); }
Tensor gelu_tanh(const Tensor& x) { return at::gelu(x, "tanh"); }
Tensor swish(const Tensor& x) { return at::silu(x); }
Tensor mish(const Tensor& x) { return at::mish(x); }
Tensor softplus(const Tensor& x) { return at::softplus(x); }
Tensor softsign(const Tensor& x) { return x.div(x.abs().add(1)); }
Tensor softshrink(const Tensor& x) { return at::softshrink(x); }
Tensor tanhshrink(const Tensor& x) { return x.sub(at::tanh(x)); }
Tensor logsigmoid(const Tensor& x) { return at::log_sigmoid(x); }
// Torch's own operator has one derivative only.
Tensor hardsigmoid(const Tensor& x) {
  return transforms::active() ? at::relu6(x.add(3)).div(6) : at::hardsigmoid(x);
}
Tensor hardswish(const Tensor& x) { return at::hardswish(x); }
Tensor hardtanh(const Tensor& x) { return at::hardtanh(x); }
// x + softplus(-2x) - log 2: cosh itself overflows above 89 in float32.
Tensor logcosh(const Tensor& x) { return x.add(at::softplus(x.mul(-2))).sub(std::numbers::ln2); }
Tensor softmax(const Tensor& x) { return at::softmax(x, -1); }
Tensor softmax(const Tensor& x, int64_t dim) { return at::softmax(x, dim); }
Tensor logsoftmax(const Tensor& x) { return at::log_softmax(x, -1); }
Tensor logsoftmax(const Tensor& x, int64_t dim) { return at::log_softmax(x, dim); }

}  // namespace luxtorch::detail::activation

namespace luxtorch::ops {

Tensor prelu(const Tensor& x, const Tensor& weight) {
  if (x.is_meta()) return x.new_empty(x.sizes());  // LibTorch alone has no kernel there
  if (!transforms::active()) return at::prelu(x, weight);
  std::vector<int64_t> beside_x(static_cast<size_t>(x.dim()), 1);
  if (weight.numel() > 1) beside_x[1] = weight.numel();
  return at::where(x.gt(0), x, x.mul(weight.reshape(beside_x)));
}

}  // namespace luxtorch::ops
