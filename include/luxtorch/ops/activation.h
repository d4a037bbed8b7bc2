// Activations: element-wise functions as values with a name, so that models print them.
//
//     Dense(2, 8, lux::relu)                       // prints Dense(2 => 8, relu)
//     Tensor y = lux::gelu(x);
//     lux::Activation cube{"cube", [](const Tensor& x) { return x * x * x; }};
//
// Level 1. Any shape, floating dtypes, differentiable as often as torch's own.
#pragma once

#include "luxtorch/core/types.h"

namespace luxtorch {

class Activation {
 public:
  using Function = Tensor (*)(const Tensor&);
  constexpr Activation(const char* name, Function function) : name_(name), function_(function) {}

  Tensor operator()(const Tensor& x) const { return function_(x); }
  constexpr const char* name() const { return name_; }
  constexpr Function function() const { return function_; }
  std::string label() const { return name_; }
  friend constexpr bool operator==(const Activation& a, const Activation& b) { return a.function_ == b.function_; }

 private:
  const char* name_;
  Function function_;
};

namespace detail::activation {
Tensor identity(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor relu(const Tensor& x);
Tensor relu6(const Tensor& x);
Tensor leakyrelu(const Tensor& x);
Tensor elu(const Tensor& x);
Tensor celu(const Tensor& x);
Tensor selu(const Tensor& x);
Tensor gelu(const Tensor& x);
Tensor gelu_tanh(const Tensor& x);
Tensor swish(const Tensor& x);
Tensor mish(const Tensor& x);
Tensor softplus(const Tensor& x);
Tensor softsign(const Tensor& x);
Tensor softshrink(const Tensor& x);
Tensor tanhshrink(const Tensor& x);
Tensor logsigmoid(const Tensor& x);
Tensor hardsigmoid(const Tensor& x);
Tensor hardswish(const Tensor& x);
Tensor hardtanh(const Tensor& x);
Tensor logcosh(const Tensor& x);
Tensor softmax(const Tensor& x);
Tensor logsoftmax(const Tensor& x);
}  // namespace detail::activation

inline constexpr Activation identity{"identity", detail::activation::identity};
inline constexpr Activation sigmoid{"sigmoid", detail::activation::sigmoid};
inline constexpr Activation tanh{"tanh", detail::activation::tanh};
inline constexpr Activation relu{"relu", detail::activation::relu};
inline constexpr Activation relu6{"relu6", detail::activation::relu6};
inline constexpr Activation leakyrelu{"leakyrelu", detail::activation::leakyrelu};  // slope 0.01
inline constexpr Activation elu{"elu", detail::activation::elu};                    // alpha 1
inline constexpr Activation celu{"celu", detail::activation::celu};                 // alpha 1
inline constexpr Activation selu{"selu", detail::activation::selu};
inline constexpr Activation gelu{"gelu", detail::activation::gelu};                 // by erf, as torch's default
inline constexpr Activation gelu_tanh{"gelu_tanh", detail::activation::gelu_tanh};  // Lux's gelu
inline constexpr Activation swish{"swish", detail::activation::swish};              // x sigmoid(x), torch's silu
inline constexpr Activation mish{"mish", detail::activation::mish};
inline constexpr Activation softplus{"softplus", detail::activation::softplus};
inline constexpr Activation softsign{"softsign", detail::activation::softsign};
inline constexpr Activation softshrink{"softshrink", detail::activation::softshrink};  // lambda 0.5
inline constexpr Activation tanhshrink{"tanhshrink", detail::activation::tanhshrink};
inline constexpr Activation logsigmoid{"logsigmoid", detail::activation::logsigmoid};
inline constexpr Activation hardsigmoid{"hardsigmoid", detail::activation::hardsigmoid};
inline constexpr Activation hardswish{"hardswish", detail::activation::hardswish};
inline constexpr Activation hardtanh{"hardtanh", detail::activation::hardtanh};
inline constexpr Activation logcosh{"logcosh", detail::activation::logcosh};
inline constexpr Activation softmax{"softmax", detail::activation::softmax};           // over the last dimension
inline constexpr Activation logsoftmax{"logsoftmax", detail::activation::logsoftmax};  // over the last dimension

}  // namespace luxtorch
