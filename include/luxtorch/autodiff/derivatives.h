// Derivatives of functions of trees, beyond the gradient.
//
//     auto f = [&](const Tensor& x) { return lux::tanh(matmul(w, x)); };
//     auto [y, pull] = vjp(f, x);            Tensor dx = pull(dy);      // dy' J
//     auto [y2, Jv] = jvp(f, x, v);                                     // J v
//     Tensor J = jacobian(f, x);                                        // (y's shape..., x's shape...)
//     Tensor H = hessian(energy, x);         Tensor Hv = hvp(energy, x, v);
//
// Level 4. x is a Tensor or a Tree, and f takes what x is and returns a Tensor or a Tree. Derivatives are by x' floating
// (or complex) tensors; its other leaves are constants, and have nothing in their places. All of these, grad and vmap may
// be called inside one another's functions: vmap(grad(f)) gives gradients per sample, jacobian(grad(f)) a Hessian.
//
// What tree::detach gives is a constant in reverse and forward mode; a torch::NoGradGuard in f ends reverse mode alone.
//
// A function that changes in place what it is given or what it captures is an ArgumentError (of a captured tensor where the
// change depends on x); so are tangents and cotangents of
// another structure, shape or dtype than their values.
#pragma once

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

#include "luxtorch/autodiff/packed_values.h"
#include "luxtorch/core/api.h"
#include "luxtorch/tree.h"

namespace luxtorch {

enum class DerivativeMode { Reverse, Forward };

struct JacobianOptions {
  /// Reverse: one pass per element of y; Forward: one per element of x. Take the smaller.
  DerivativeMode mode = DerivativeMode::Reverse;
  /// At most so many passes at a time; 0: all.
  int64_t chunk_size = 0;
};

/// pull(v) is v' J, with x' structure; it may be called again. v has y's structure.
template <class Y, class X>
struct Vjp {
  Y y;
  std::function<X(const Y& v)> pull;
};
template <class Y>
struct Jvp {
  Y y, dy;
};

namespace detail {

using TreeFunction = std::function<Tree(const Tree&)>;

LUXTORCH_API Vjp<Tree, Tree> vjp(const TreeFunction& f, const Tree& x);
LUXTORCH_API Jvp<Tree> jvp(const TreeFunction& f, const Tree& x, const Tree& dx);
LUXTORCH_API Tree jacobian(const TreeFunction& f, const Tree& x, const JacobianOptions& options);
LUXTORCH_API Tree hessian(const TreeFunction& f, const Tree& x, const JacobianOptions& options);
LUXTORCH_API Tree hvp(const TreeFunction& f, const Tree& x, const Tree& v);

template <class X>
concept TensorOrTree = std::same_as<X, Tensor> || std::same_as<X, Tree>;

template <class F, class X>
using ResultOf = std::decay_t<std::invoke_result_t<F&, const X&>>;

template <class X, class F>
TreeFunction of_trees(F& f) {
  static_assert(TensorOrTree<ResultOf<F, X>>, "the function must return a Tensor or a Tree");
  return [&f](const Tree& x) { return pack(std::invoke(f, unpack<X>(x))); };
}

// A jacobian is a tensor where x and y are.
template <class F, class X>
using JacobianOf =
    std::conditional_t<std::same_as<X, Tensor> && std::same_as<ResultOf<F, X>, Tensor>, Tensor,
                       Tree>;

}  // namespace detail

/// The value, and the function that multiplies by the Jacobian from the left (reverse mode).
template <class F, detail::TensorOrTree X>
  requires std::invocable<F&, const X&>
auto vjp(F&& f, const X& x) {
  using Y = detail::ResultOf<F, X>;
  auto [y, pull] = detail::vjp(detail::of_trees<X>(f), detail::pack(x));
  return Vjp<Y, X>{detail::unpack<Y>(y), [pull = std::move(pull)](const Y& v) {
                     return detail::unpack<X>(pull(detail::pack(v)));
                   }};
}

/// The value, and the Jacobian times dx, which has x' structure: in forward mode; where an operator has none, or torch's rule
/// for it is wrong, by differentiating a gradient by its cotangent. UnsupportedError where a jvp through torch's batch_norm in
/// training or its layer_norm is differentiated again: their rules are wrong then, and nothing stands in.
template <class F, detail::TensorOrTree X>
  requires std::invocable<F&, const X&>
auto jvp(F&& f, const X& x, const X& dx) {
  using Y = detail::ResultOf<F, X>;
  auto [y, dy] = detail::jvp(detail::of_trees<X>(f), detail::pack(x), detail::pack(dx));
  return Jvp<Y>{detail::unpack<Y>(y), detail::unpack<Y>(dy)};
}

/// All partial derivatives, of y's shape and then x'. With trees, y's structure, with a tree of x' structure in the place
/// of each tensor.
template <class F, detail::TensorOrTree X>
  requires std::invocable<F&, const X&>
auto jacobian(F&& f, const X& x, JacobianOptions options = {}) {
  return detail::unpack<detail::JacobianOf<F, X>>(
      detail::jacobian(detail::of_trees<X>(f), detail::pack(x), options));
}

/// The second partial derivatives of a function with one number as its value, a 0-dim tensor: x' shape twice, as the
/// Jacobian of its gradient, forward mode over reverse mode.
template <class F, detail::TensorOrTree X>
  requires std::invocable<F&, const X&>
X hessian(F&& f, const X& x, JacobianOptions options = {.mode = DerivativeMode::Forward}) {
  return detail::unpack<X>(detail::hessian(detail::of_trees<X>(f), detail::pack(x), options));
}

/// The Hessian times v, which has x' structure, at the cost of a few gradients.
template <class F, detail::TensorOrTree X>
  requires std::invocable<F&, const X&>
X hvp(F&& f, const X& x, const X& v) {
  return detail::unpack<X>(detail::hvp(detail::of_trees<X>(f), detail::pack(x), detail::pack(v)));
}

// As functions, for transforms of transforms: vmap(jacobian(f))(xs). Further arguments go to f as they are.

template <class F>
auto jacobian(F f, JacobianOptions options = {}) {
  return [f = std::move(f), options]<detail::TensorOrTree X, class... Rest>(const X& x,
                                                                            const Rest&... rest) {
    return jacobian([&](const X& at) { return std::invoke(f, at, rest...); }, x, options);
  };
}
template <class F>
auto hessian(F f, JacobianOptions options = {.mode = DerivativeMode::Forward}) {
  return [f = std::move(f), options]<detail::TensorOrTree X, class... Rest>(const X& x,
                                                                            const Rest&... rest) {
    return hessian([&](const X& at) { return std::invoke(f, at, rest...); }, x, options);
  };
}

}  // namespace luxtorch
