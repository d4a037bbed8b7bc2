// Activations: element-wise functions as values with a name, so that models print them.
//
//     Dense(2, 8, lux::relu)                       // prints Dense(2 => 8, relu)
//     Tensor y = lux::gelu(x);
//     lux::Activation cube{"cube", [](const Tensor& x) { return x * x * x; }};
//
// Level 1. Any shape, floating dtypes, differentiable as often as torch's own.
#pragma once

#include <string>

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
  friend constexpr bool operator==(const Activation& a, const Activation& b) {
    return a.function_ == b.function_;
  }

 private:
  const char* name_;
  Function function_;
};

/// An activation along one dimension: the last, as a layer calls it, or the one that is named: softmax(x, 0).
class DimensionActivation : public Activation {
 public:
  using Along = Tensor (*)(const Tensor&, int64_t dim);
  constexpr DimensionActivation(const char* name, Function function, Along along)
      : Activation(name, function), along_(along) {}
  using Activation::operator();
  /// dim: from -x.dim() to x.dim() - 1.
  Tensor operator()(const Tensor& x, int64_t dim) const { return along_(x, dim); }

 private:
  Along along_;
};

#define LUXTORCH_ACTIVATION(name) \
  namespace detail::activation {  \
  Tensor name(const Tensor& x);   \
  }                               \
  inline constexpr Activation name{#name, detail::activation::name};

LUXTORCH_ACTIVATION(identity)
LUXTORCH_ACTIVATION(sigmoid)
LUXTORCH_ACTIVATION(tanh)
LUXTORCH_ACTIVATION(relu)
LUXTORCH_ACTIVATION(relu6)
LUXTORCH_ACTIVATION(leakyrelu)  // slope 0.01
LUXTORCH_ACTIVATION(elu)        // alpha 1
LUXTORCH_ACTIVATION(celu)       // alpha 1
LUXTORCH_ACTIVATION(selu)
LUXTORCH_ACTIVATION(gelu)       // by erf, as torch's default
LUXTORCH_ACTIVATION(gelu_tanh)  // by tanh, as Lux's gelu
LUXTORCH_ACTIVATION(swish)      // x sigmoid(x), torch's silu
LUXTORCH_ACTIVATION(mish)
LUXTORCH_ACTIVATION(softplus)
LUXTORCH_ACTIVATION(softsign)
LUXTORCH_ACTIVATION(softshrink)  // lambda 0.5
LUXTORCH_ACTIVATION(tanhshrink)
LUXTORCH_ACTIVATION(logsigmoid)
LUXTORCH_ACTIVATION(hardsigmoid)
LUXTORCH_ACTIVATION(hardswish)
LUXTORCH_ACTIVATION(hardtanh)
LUXTORCH_ACTIVATION(logcosh)
#undef LUXTORCH_ACTIVATION

#define LUXTORCH_DIMENSION_ACTIVATION(name)                               \
  namespace detail::activation {                                          \
  Tensor name(const Tensor& x);                                           \
  Tensor name(const Tensor& x, int64_t dim);                              \
  }                                                                       \
  inline constexpr DimensionActivation name{                              \
      #name, static_cast<Activation::Function>(detail::activation::name), \
      static_cast<DimensionActivation::Along>(detail::activation::name)};

LUXTORCH_DIMENSION_ACTIVATION(softmax)
LUXTORCH_DIMENSION_ACTIVATION(logsoftmax)  // torch's log_softmax
#undef LUXTORCH_DIMENSION_ACTIVATION

}  // namespace luxtorch
