// The value and the gradient of a function of one tensor.
//
//     auto [value, dx] = value_and_grad([](const Tensor& x) { return x.square().sum(); }, x);
//
// Level 4. As grad.h has it of trees.
#pragma once

#include "luxtorch/train/grad.h"

namespace luxtorch {

struct ValueAndTensorGrad {
  Tensor value, grad;
};
template <class Aux>
struct ValueAndTensorGradAux {
  Tensor value, grad;
  Aux aux;
};

/// {value, grad}, or {value, grad, aux} where f returns something besides; grad has x' shape.
template <class F, std::same_as<Tensor> X>
  requires(std::invocable<F&, const X&> && !std::invocable<F&, const Tree&>)
auto value_and_grad(F&& f, const X& x, GradOptions options = {}) {
  auto result =
      value_and_grad([&](const Tree& at) { return std::invoke(f, at.tensor()); }, Tree(x), options);
  if constexpr (requires { result.aux; }) {
    return ValueAndTensorGradAux<decltype(result.aux)>{
        std::move(result.value), result.grads.tensor(), std::move(result.aux)};
  } else {
    return ValueAndTensorGrad{std::move(result.value), result.grads.tensor()};
  }
}

}  // namespace luxtorch
