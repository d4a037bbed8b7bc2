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
#include <ATen/ops/threshold.h>
#include <ATen/ops/where.h>
#include <fmt/format.h>

#include <cstdlib>
#include <numbers>
#include <vector>

#include "luxtorch/core/error.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch {

std::string Activation::name() const {
  // As Lux and Python write numbers: 0.2, 2, 1e-05.
  switch (shown_) {
    case 1:
      return fmt::format("{}({})", name_, first_);
    case 2:
      return fmt::format("{}({}, {})", name_, first_, second_);
    default:
      return name_;
  }
}

void detail::refuse_numbers(const char* name, ActivationNumbers allowed, double first,
                            double second) {
  switch (allowed) {
    case ActivationNumbers::Any:
      throw ArgumentError(name, fmt::format("expected a number, got {}.", first));
    case ActivationNumbers::NotZero:
      throw ArgumentError(name, fmt::format("expected a number other than 0, got {}.", first));
    case ActivationNumbers::NotNegative:
      throw ArgumentError(name, fmt::format("expected a number of at least 0, got {}.", first));
    case ActivationNumbers::Ordered:
      throw ArgumentError(name, fmt::format("expected two numbers, the first not above the second, "
                                            "got {} and {}.",
                                            first, second));
  }
  std::abort();
}

}  // namespace luxtorch

namespace luxtorch::detail::activation {

Tensor identity(const Tensor& x) { return x; }
Tensor sigmoid(const Tensor& x) { return at::sigmoid(x); }
Tensor tanh(const Tensor& x) { return at::tanh(x); }
Tensor relu(const Tensor& x) { return at::relu(x); }
Tensor relu6(const Tensor& x) { return at::relu6(x); }
Tensor selu(const Tensor& x) { return at::selu(x); }
Tensor gelu(const Tensor& x) { return at::gelu(x); }
Tensor gelu_tanh(const Tensor& x) { return at::gelu(x, "tanh"); }
Tensor swish(const Tensor& x) { return at::silu(x); }
Tensor mish(const Tensor& x) { return at::mish(x); }
Tensor softplus(const Tensor& x) { return at::softplus(x); }
Tensor softsign(const Tensor& x) { return x.div(x.abs().add(1)); }
Tensor tanhshrink(const Tensor& x) { return x.sub(at::tanh(x)); }
Tensor logsigmoid(const Tensor& x) { return at::log_sigmoid(x); }
// Torch's own operator has one derivative only.
Tensor hardsigmoid(const Tensor& x) {
  return transforms::active() ? at::relu6(x.add(3)).div(6) : at::hardsigmoid(x);
}
Tensor hardswish(const Tensor& x) { return at::hardswish(x); }
// x + softplus(-2x) - log 2: cosh itself overflows above 89 in float32.
Tensor logcosh(const Tensor& x) { return x.add(at::softplus(x.mul(-2))).sub(std::numbers::ln2); }
Tensor lisht(const Tensor& x) { return x.mul(at::tanh(x)); }
Tensor leakyrelu(const Tensor& x, double slope, double) { return at::leaky_relu(x, slope); }
Tensor elu(const Tensor& x, double alpha, double) { return at::elu(x, alpha); }
Tensor celu(const Tensor& x, double alpha, double) { return at::celu(x, alpha); }
Tensor softshrink(const Tensor& x, double lambda, double) { return at::softshrink(x, lambda); }
Tensor thresholdrelu(const Tensor& x, double theta, double) { return at::threshold(x, theta, 0); }
Tensor hardtanh(const Tensor& x, double low, double high) { return at::hardtanh(x, low, high); }
Tensor softmax(const Tensor& x) { return at::softmax(x, -1); }
Tensor softmax(const Tensor& x, int64_t dim) { return at::softmax(x, dim); }
Tensor logsoftmax(const Tensor& x) { return at::log_softmax(x, -1); }
Tensor logsoftmax(const Tensor& x, int64_t dim) { return at::log_softmax(x, dim); }

}  // namespace luxtorch::detail::activation

namespace luxtorch {

Tensor detail::glu(const Tensor& x, int64_t dim) {
  if (dim < -x.dim() || dim >= x.dim() || x.size(dim) % 2 != 0) {
    throw ShapeError("glu", fmt::format("expected x with an even size in dimension {}, got {}.",
                                        dim, shape_text(x.sizes())));
  }
  const auto half = x.size(dim) / 2;
  return x.narrow(dim, 0, half).mul(at::sigmoid(x.narrow(dim, half, half)));
}

}  // namespace luxtorch

namespace luxtorch::ops {

Tensor prelu(const Tensor& x, const Tensor& weight) {
  const bool shared = weight.numel() == 1;
  if (weight.dim() > 1 || (!shared && (x.dim() < 2 || x.size(1) != weight.numel()))) {
    throw ShapeError("prelu", fmt::format("expected weight of shape (1,), or (channels,) with x of "
                                          "shape (batch, channels, ...), got {} and {}.",
                                          shape_text(weight.sizes()), shape_text(x.sizes())));
  }
  if (weight.scalar_type() != x.scalar_type() || weight.device() != x.device()) {
    throw ShapeError("prelu", fmt::format("expected weight of x's dtype {} on {}, got {} on {}.",
                                          dtype_text(x.scalar_type()), x.device().str(),
                                          dtype_text(weight.scalar_type()), weight.device().str()));
  }
  if (x.is_meta()) return x.new_empty(x.sizes());  // LibTorch alone has no kernel there
  if (!transforms::active()) return at::prelu(x, weight);
  std::vector<int64_t> beside_x(static_cast<size_t>(x.dim()), 1);
  if (!shared) beside_x[1] = weight.numel();
  return at::where(x.gt(0), x, x.mul(weight.reshape(beside_x)));
}

}  // namespace luxtorch::ops
