// Activations: functions of a tensor as values with a name, which printed models show.
//
//     Dense(2, 8, lux::relu)                       // prints Dense(2 => 8, relu)
//     Tensor y = lux::gelu(x);
//     Dense(2, 8, lux::leakyrelu(0.2))             // prints Dense(2 => 8, leakyrelu(0.2))
//     lux::Activation cube{"cube", [](const Tensor& x) { return x * x * x; }};
//
// x has any shape and a floating dtype; y has the same. They are differentiable as often as torch's
// own.
#pragma once

#include <array>
#include <concepts>
#include <string>

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"

namespace luxtorch {

/// A function of one tensor with a name. It is also a layer without parameters: Chain(lux::relu).
class LUXTORCH_API Activation {
 public:
  /// A function pointer, to which lambdas without captures convert.
  using Function = Tensor (*)(const Tensor&);
  /// A function with one or two numbers, as the slope of leakyrelu. With one number the second is 0.
  using WithNumbers = Tensor (*)(const Tensor& x, double first, double second);
  /// name is not copied: a literal.
  constexpr Activation(const char* name, Function function) : name_(name), function_(function) {}
  /// with_numbers(x, first, second). The first `shown` numbers, 0 to 2, are part of the name.
  constexpr Activation(const char* name, WithNumbers with_numbers, double first, double second,
                       int shown)
      : name_(name), with_numbers_(with_numbers), first_(first), second_(second), shown_(shown) {}

  /// The function at x.
  Tensor operator()(const Tensor& x) const {
    return with_numbers_ ? with_numbers_(x, first_, second_) : function_(x);
  }
  /// The name, as models print it: "relu", "leakyrelu(0.2)".
  std::string name() const;
  /// The text in a printed model: the name.
  std::string label() const { return name(); }
  /// Its numbers, as the slope of leakyrelu; 0 where it has none.
  constexpr std::array<double, 2> numbers() const { return {first_, second_}; }
  /// The same function with the same numbers, whatever the names.
  friend constexpr bool operator==(const Activation& a, const Activation& b) {
    return a.function_ == b.function_ && a.with_numbers_ == b.with_numbers_ &&
           a.first_ == b.first_ && a.second_ == b.second_;
  }

 private:
  const char* name_;
  Function function_ = nullptr;
  WithNumbers with_numbers_ = nullptr;  // in place of function_
  double first_ = 0, second_ = 0;
  int shown_ = 0;
};

/// What the numbers of an activation may be.
enum class ActivationNumbers {
  Any,          ///< any
  NotZero,      ///< any but 0
  NotNegative,  ///< 0 or above
  Ordered       ///< two of them, the first not above the second
};

namespace detail {
[[noreturn]] LUXTORCH_API void refuse_numbers(const char* name, ActivationNumbers allowed,
                                              double first, double second);
}  // namespace detail

/// An activation whose one or two numbers (Count) may be chosen: leakyrelu is the one with the slope
/// 0.01, leakyrelu(0.2) another.
template <int Count>
class NumberedActivation : public Activation {
 public:
  /// The activation with the default numbers, which its name does not show.
  constexpr NumberedActivation(const char* name, WithNumbers with_numbers,
                               ActivationNumbers allowed, double first, double second = 0)
      : Activation(name, with_numbers, first, second, 0),
        name_(name),
        with_numbers_(with_numbers),
        allowed_(allowed) {}
  using Activation::operator();
  /// With another number. ArgumentError: one that is not allowed; NaN never is.
  constexpr Activation operator()(double number) const
    requires(Count == 1)
  {
    return chosen(number, 0);
  }
  /// With two others. ArgumentError: numbers that are not allowed; NaN never is.
  constexpr Activation operator()(double first, double second) const
    requires(Count == 2)
  {
    return chosen(first, second);
  }

 private:
  constexpr Activation chosen(double first, double second) const {
    using enum ActivationNumbers;
    const bool fits =
        first == first && second == second &&
        (allowed_ == Any || (allowed_ == NotZero && first != 0) ||
         (allowed_ == NotNegative && first >= 0) || (allowed_ == Ordered && first <= second));
    if (!fits) detail::refuse_numbers(name_, allowed_, first, second);
    return {name_, with_numbers_, first, second, Count};
  }

  const char* name_;
  WithNumbers with_numbers_;
  ActivationNumbers allowed_;
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
LUXTORCH_ACTIVATION(selu)         // elu scaled as in Klambauer et al. 2017
LUXTORCH_ACTIVATION(gelu)         // by erf, as torch's default
LUXTORCH_ACTIVATION(gelu_tanh)    // by tanh, as Lux's gelu
LUXTORCH_ACTIVATION(swish)        // x sigmoid(x), torch's silu
LUXTORCH_ACTIVATION(mish)         // x tanh(softplus(x))
LUXTORCH_ACTIVATION(softplus)     // log(1 + exp(x))
LUXTORCH_ACTIVATION(softsign)     // x / (1 + |x|)
LUXTORCH_ACTIVATION(tanhshrink)   // x - tanh(x)
LUXTORCH_ACTIVATION(logsigmoid)   // log(sigmoid(x)), without overflow
LUXTORCH_ACTIVATION(hardsigmoid)  // relu6(x + 3) / 6
LUXTORCH_ACTIVATION(hardswish)    // x hardsigmoid(x)
LUXTORCH_ACTIVATION(logcosh)      // log(cosh(x)), without overflow
LUXTORCH_ACTIVATION(lisht)        // x tanh(x)
#undef LUXTORCH_ACTIVATION

/// NNlib's names of faster approximations; here the same functions.
inline constexpr Activation sigmoid_fast{"sigmoid_fast", detail::activation::sigmoid};
/// As sigmoid_fast.
inline constexpr Activation tanh_fast{"tanh_fast", detail::activation::tanh};

#define LUXTORCH_NUMBERED_ACTIVATION(name, count, ...)                    \
  namespace detail::activation {                                          \
  LUXTORCH_API Tensor name(const Tensor& x, double first, double second); \
  }                                                                       \
  inline constexpr NumberedActivation<count> name{#name, detail::activation::name, __VA_ARGS__};

// Element by element, with numbers that may be chosen: elu(0.5), hardtanh(-2, 2).
// leakyrelu(slope): x above 0, else slope x
LUXTORCH_NUMBERED_ACTIVATION(leakyrelu, 1, ActivationNumbers::Any, 0.01)
// elu(alpha): x above 0, else alpha (exp(x) - 1)
LUXTORCH_NUMBERED_ACTIVATION(elu, 1, ActivationNumbers::Any, 1)
// celu(alpha): x above 0, else alpha (exp(x / alpha) - 1)
LUXTORCH_NUMBERED_ACTIVATION(celu, 1, ActivationNumbers::NotZero, 1)
// softshrink(lambda): x moved lambda towards 0, and 0 within lambda of it
LUXTORCH_NUMBERED_ACTIVATION(softshrink, 1, ActivationNumbers::NotNegative, 0.5)
// thresholdrelu(theta): x above theta, else 0
LUXTORCH_NUMBERED_ACTIVATION(thresholdrelu, 1, ActivationNumbers::Any, 1)
// hardtanh(low, high): x cut to [low, high]
LUXTORCH_NUMBERED_ACTIVATION(hardtanh, 2, ActivationNumbers::Ordered, -1, 1)
#undef LUXTORCH_NUMBERED_ACTIVATION

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

namespace detail {
LUXTORCH_API Tensor glu(const Tensor& x, int64_t dim);
}  // namespace detail

/// a sigmoid(b), a and b the first and the second half of x along the dimension (Dauphin et al. 2017,
/// gated linear units): torch.nn.functional.glu, NNlib's glu. y: half of x's size there. ShapeError: a
/// dimension that x does not have, or one of an odd size.
template <std::derived_from<Tensor> T>
Tensor glu(const T& x, int64_t dim = -1) {
  return detail::glu(x, dim);
}

namespace ops {
/// x above 0, else weight * x (He et al. 2015), torch.nn.functional.prelu. weight: (1), or (channels)
/// with x of shape (batch, channels, ...), of x's dtype and device. y: x's shape and dtype. ShapeError:
/// a weight that is neither, or of another dtype or device.
LUXTORCH_API Tensor prelu(const Tensor& x, const Tensor& weight);
}  // namespace ops

}  // namespace luxtorch
