// Gradients of functions of trees.
//
//     auto [value, grads] = value_and_grad([&](const Tree& ps) { return loss_of(ps); }, ps);
//     auto [error, slopes, st2] = value_and_grad(
//         [&](const Tree& ps) -> std::pair<Tensor, Tree> {
//           auto [y, st2] = apply<Tensor>(model, x, ps, st);
//           return {MSELoss{}(y, target), st2};
//         }, ps);
//
// vjp, jvp, jacobian, hessian and hvp are in derivatives.h, vmap in vmap.h, both included here.
//
// f gets a tree of aliases of ps' tensors that record a graph. ps itself never requires grad, and f
// is recorded even where the caller records nothing (torch::NoGradGuard).
//
// f returns a 0-dim floating tensor, or that and something else: a std::pair<Tensor, Aux>, or a
// LossOut, which then is `aux` as a whole. A value of another shape, or one that does not depend on
// ps, is an ArgumentError.
//
// grads has the structure of ps: for each floating (or complex) tensor its gradient, which is zeros
// where the value does not depend on it, and none for all other leaves. One tensor at two places of
// ps has a gradient at each. Gradients may share storage with each other: do not change them in
// place.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "luxtorch/autodiff/derivatives.h"
#include "luxtorch/autodiff/objective.h"
#include "luxtorch/autodiff/vmap.h"
#include "luxtorch/core/api.h"
#include "luxtorch/tree.h"
#include "luxtorch/tree_conversion.h"

namespace luxtorch {

/// How grad and value_and_grad compute.
struct GradOptions {
  /// Whether value, gradients and aux are themselves differentiable, with respect to what f
  /// captures and to ps' tensors where these record a graph. Not set: yes inside a function that is
  /// being differentiated (gradients of gradients), else no. Under vmap, jvp and the like always
  /// yes.
  std::optional<bool> create_graph = {};
};

/// What value_and_grad gives for a function of a tree that returns a tensor.
struct ValueAndGrad {
  Tensor value;  ///< f's value, 0-dim.
  Tree grads;    ///< With the structure of ps, as described above.
};
/// What value_and_grad gives for a function of a tree that returns something else besides.
template <class Aux>
struct ValueAndGradAux {
  Tensor value;  ///< f's value, 0-dim; of a LossOut, its loss.
  Tree grads;    ///< With the structure of ps, as described above.
  Aux aux;       ///< The rest of f's result; of a LossOut, all of it.
};

namespace detail {

LUXTORCH_API ValueAndGrad differentiate(const std::function<Tensor(const Tree&)>& f, const Tree& ps,
                                        GradOptions options);

/// What a function that was differentiated returned besides: without the transform's wrappers, and
/// without a graph where the options want none.
LUXTORCH_API Tree settled(const Tree& aux, GradOptions options);
LUXTORCH_API LossOut settled(const LossOut& out, GradOptions options);

template <class T>
constexpr bool is_pair_with_tensor = false;
template <class Aux>
constexpr bool is_pair_with_tensor<std::pair<Tensor, Aux>> = true;

}  // namespace detail

/// The value of f at ps and its gradient there: {value, grads}, or {value, grads, aux} where f
/// returns something else besides. ArgumentError: a value that is not a 0-dim floating tensor, or
/// that does not depend on ps.
template <std::invocable<const Tree&> F>
auto value_and_grad(F&& f, const Tree& ps, GradOptions options = {}) {
  using R = std::decay_t<std::invoke_result_t<F&, const Tree&>>;
  if constexpr (std::same_as<R, LossOut>) {
    LossOut out;
    auto [value, grads] =
        detail::differentiate([&](const Tree& p) { return (out = f(p)).loss; }, ps, options);
    return ValueAndGradAux<LossOut>{std::move(value), std::move(grads),
                                    detail::settled(out, options)};
  } else if constexpr (detail::is_pair_with_tensor<R>) {
    std::optional<R> out;
    auto [value, grads] =
        detail::differentiate([&](const Tree& p) { return out.emplace(f(p)).first; }, ps, options);
    using Aux = typename R::second_type;
    if constexpr (TreeConvertible<Aux>)
      out->second = from_tree<Aux>(detail::settled(to_tree(out->second), options));
    return ValueAndGradAux<Aux>{std::move(value), std::move(grads), std::move(out->second)};
  } else {
    static_assert(
        std::convertible_to<R, Tensor>,
        "value_and_grad: the function must return a Tensor, a std::pair<Tensor, Aux> or a LossOut");
    return detail::differentiate(f, ps, options);
  }
}

/// The gradient of f at ps alone, with the structure of ps. Errors as of value_and_grad.
template <std::invocable<const Tree&> F>
Tree grad(F&& f, const Tree& ps, GradOptions options = {}) {
  return value_and_grad(std::forward<F>(f), ps, options).grads;
}
/// The gradient of a function of one tensor, with the shape of x.
template <class F, std::same_as<Tensor> X>
  requires(std::invocable<F&, const X&> && !std::invocable<F&, const Tree&>)
Tensor grad(F&& f, const X& x, GradOptions options = {}) {
  return grad([&](const Tree& at) { return std::invoke(f, at.tensor()); }, Tree(x), options)
      .tensor();
}

/// What value_and_grad gives for a function of one tensor that returns a tensor.
struct ValueAndTensorGrad {
  Tensor value,  ///< f's value, 0-dim.
      grad;      ///< With the shape of x.
};
/// What value_and_grad gives for a function of one tensor that returns something else besides.
template <class Aux>
struct ValueAndTensorGradAux {
  Tensor value,  ///< f's value, 0-dim; of a LossOut, its loss.
      grad;      ///< With the shape of x.
  Aux aux;       ///< The rest of f's result; of a LossOut, all of it.
};
/// The value and the gradient of a function of one tensor: {value, grad}, or {value, grad, aux}
/// where f returns something else besides.
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

/// value_and_grad as a function of x and further arguments, for transforms of transforms. The
/// gradient is with respect to the first argument, a Tree or a Tensor, and has its type; f gets all
/// arguments unchanged. The result is a std::pair(value, grads), or a std::tuple(value, grads,
/// aux).
template <class F>
auto value_and_grad(F f, GradOptions options = {}) {
  return [f = std::move(f), options]<detail::TensorOrTree X, class... Rest>(const X& x,
                                                                            const Rest&... rest) {
    auto result =
        value_and_grad([&](const Tree& at) { return std::invoke(f, from_tree<X>(at), rest...); },
                       to_tree(x), options);
    if constexpr (requires { result.aux; }) {
      return std::tuple(std::move(result.value), from_tree<X>(result.grads), std::move(result.aux));
    } else {
      return std::pair(std::move(result.value), from_tree<X>(result.grads));
    }
  };
}
/// grad as a function, in the same way: vmap(grad(loss), {.in_dims = tuple({Tree(), 0, 0})})(ps,
/// xs, ys) gives gradients per sample.
template <class F>
auto grad(F f, GradOptions options = {}) {
  return [f = std::move(f), options]<detail::TensorOrTree X, class... Rest>(const X& x,
                                                                            const Rest&... rest) {
    return X(std::get<1>(value_and_grad(f, options)(x, rest...)));
  };
}

}  // namespace luxtorch
