// Activations: functions of a tensor as values with a name, which printed models show.
//
//     Dense(2, 8, lux::relu)                       // prints Dense(2 => 8, relu)
//     Tensor y = lux::gelu(x);
//     lux::Activation cube{"cube", [](const Tensor& x) { return x * x * x; }};
//
// x has any shape and a floating dtype; y has the same. They are differentiable as often as torch's
// own.
#pragma once

#include <string>

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"

namespace luxtorch {

/// A function of one tensor with a name. It is also a layer without parameters: Chain(lux::relu).
class Activation {
 public:
  /// A function pointer, to which lambdas without captures convert.
  using Function = Tensor (*)(const Tensor&);
  /// name is not copied: a literal.
  constexpr Activation(const char* name, Function function) : name_(name), function_(function) {}

  /// function()(x).
  Tensor operator()(const Tensor& x) const { return function_(x); }
  /// The name, as models print it.
  constexpr const char* name() const { return name_; }
  /// The function inside.
  constexpr Function function() const { return function_; }
  /// The text in a printed model: the name.
  std::string label() const { return name_; }
  /// The same function, whatever the names.
  friend constexpr bool operator==(const Activation& a, const Activation& b) {
    return a.function_ == b.function_;
  }

 private:
  const char* name_;
  Function function_;
};

/// An activation along one dimension: the last one in a layer, or the one that is given: softmax(x,
/// 0).
class DimensionActivation : public Activation {
 public:
  /// A function along the dimension `dim`.
  using Along = Tensor (*)(const Tensor&, int64_t dim);
  /// function: along the last dimension; along: along any. name is not copied: a literal.
  constexpr DimensionActivation(const char* name, Function function, Along along)
      : Activation(name, function), along_(along) {}
  using Activation::operator();
  /// Along dim, from -x.dim() to x.dim() - 1.
  Tensor operator()(const Tensor& x, int64_t dim) const { return along_(x, dim); }

 private:
  Along along_;
};

#define LUXTORCH_ACTIVATION(name)            \
  namespace detail::activation {             \
  LUXTORCH_API Tensor name(const Tensor& x); \
  }                                          \
  inline constexpr Activation name{#name, detail::activation::name};

// Element by element. Each is torch's function with torch's defaults, where torch has one.
LUXTORCH_ACTIVATION(identity)     // x
LUXTORCH_ACTIVATION(sigmoid)      // 1 / (1 + exp(-x))
LUXTORCH_ACTIVATION(tanh)         // the hyperbolic tangent
LUXTORCH_ACTIVATION(relu)         // max(x, 0)
LUXTORCH_ACTIVATION(relu6)        // min(max(x, 0), 6)
LUXTORCH_ACTIVATION(leakyrelu)    // x above 0, else 0.01 x
LUXTORCH_ACTIVATION(elu)          // x above 0, else exp(x) - 1
LUXTORCH_ACTIVATION(celu)         // with alpha 1, the same as elu
LUXTORCH_ACTIVATION(selu)         // elu scaled as in Klambauer et al. 2017
LUXTORCH_ACTIVATION(gelu)         // by erf, as torch's default
LUXTORCH_ACTIVATION(gelu_tanh)    // by tanh, as Lux's gelu
LUXTORCH_ACTIVATION(swish)        // x sigmoid(x), torch's silu
LUXTORCH_ACTIVATION(mish)         // x tanh(softplus(x))
LUXTORCH_ACTIVATION(softplus)     // log(1 + exp(x))
LUXTORCH_ACTIVATION(softsign)     // x / (1 + |x|)
LUXTORCH_ACTIVATION(softshrink)   // x moved 0.5 towards 0, and 0 within 0.5 of it
LUXTORCH_ACTIVATION(tanhshrink)   // x - tanh(x)
LUXTORCH_ACTIVATION(logsigmoid)   // log(sigmoid(x)), without overflow
LUXTORCH_ACTIVATION(hardsigmoid)  // relu6(x + 3) / 6
LUXTORCH_ACTIVATION(hardswish)    // x hardsigmoid(x)
LUXTORCH_ACTIVATION(hardtanh)     // x cut to [-1, 1]
LUXTORCH_ACTIVATION(logcosh)      // log(cosh(x)), without overflow
#undef LUXTORCH_ACTIVATION

#define LUXTORCH_DIMENSION_ACTIVATION(name)                               \
  namespace detail::activation {                                          \
  LUXTORCH_API Tensor name(const Tensor& x);                              \
  LUXTORCH_API Tensor name(const Tensor& x, int64_t dim);                 \
  }                                                                       \
  inline constexpr DimensionActivation name{                              \
      #name, static_cast<Activation::Function>(detail::activation::name), \
      static_cast<DimensionActivation::Along>(detail::activation::name)};

LUXTORCH_DIMENSION_ACTIVATION(softmax)     // exp(x) / sum(exp(x)), without overflow
LUXTORCH_DIMENSION_ACTIVATION(logsoftmax)  // torch's log_softmax
#undef LUXTORCH_DIMENSION_ACTIVATION

namespace ops {
/// x above 0, else weight * x (He et al. 2015), torch.nn.functional.prelu. weight: (1), or (channels)
/// with x of shape (batch, channels, ...), of x's dtype. y: x's shape and dtype.
LUXTORCH_API Tensor prelu(const Tensor& x, const Tensor& weight);
}  // namespace ops

}  // namespace luxtorch
