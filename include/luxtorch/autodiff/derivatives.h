// Derivatives of functions of trees, beyond the gradient.
//
//     auto f = [&](const Tensor& x) { return lux::tanh(matmul(w, x)); };
//     auto [y, pull] = vjp(f, x);            Tensor dx = pull(dy);      // dy' J
//     auto [y2, Jv] = jvp(f, x, v);                                     // J v
//     Tensor J = jacobian(f, x);                                        // (y's shape..., x's shape...)
//     Tensor H = hessian(energy, x);         Tensor Hv = hvp(energy, x, v);
//
// x is a Tensor or a Tree; f takes the same type and returns a Tensor or a Tree. Derivatives are
// taken with respect to the floating (or complex) tensors of x. Its other leaves are constants, and
// the results have none in their places. These functions, grad and vmap may be called inside one
// another's functions: vmap(grad(f)) gives gradients per sample, and jacobian(grad(f)) a Hessian.
//
// The result of tree::detach is a constant in reverse and forward mode; a torch::NoGradGuard in f
// stops reverse mode only.
//
// ArgumentError, for all of them: an x without floating (or complex) tensors; a function that
// changes its argument in place, or a captured tensor in a way that depends on x; tangents and
// cotangents of another structure, shape or dtype than their values.
#pragma once

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

#include "luxtorch/autodiff/vmap.h"
#include "luxtorch/core/api.h"
#include "luxtorch/tree.h"
#include "luxtorch/tree_conversion.h"

namespace luxtorch {

/// The order in which the chain rule is applied.
enum class DerivativeMode {
  Reverse,  ///< From the output back to the inputs (vjp): one pass per element of the output.
  Forward   ///< From the inputs to the output (jvp): one pass per element of the input.
};

/// How jacobian and hessian compute.
struct JacobianOptions {
  /// Reverse is cheaper where y has fewer elements than x, Forward where it has more.
  DerivativeMode mode = DerivativeMode::Reverse;
  /// The most passes that run at the same time, which bounds the memory; 0: all. ArgumentError:
  /// below 0.
  int64_t chunk_size = 0;
};

/// What vjp gives, for a function from X to Y.
template <class Y, class X>
struct Vjp {
  Y y;  ///< The value f(x).
  /// pull(v) is v' J, with the structure of x. v has the structure, shapes and dtypes of y. It may
  /// be called any number of times.
  std::function<X(const Y& v)> pull;
};
/// What jvp gives, for a function to Y.
template <class Y>
struct Jvp {
  Y y,     ///< The value f(x).
      dy;  ///< J dx, with the structure of y.
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
  return [&f](const Tree& x) { return to_tree(std::invoke(f, from_tree<X>(x))); };
}

// A jacobian is a tensor where x and y are.
template <class F, class X>
using JacobianOf =
    std::conditional_t<std::same_as<X, Tensor> && std::same_as<ResultOf<F, X>, Tensor>, Tensor,
                       Tree>;

}  // namespace detail

/// The value of f at x, and the function that multiplies the Jacobian J from the left (reverse
/// mode): torch.func.vjp.
template <class F, detail::TensorOrTree X>
  requires std::invocable<F&, const X&>
auto vjp(F&& f, const X& x) {
  using Y = detail::ResultOf<F, X>;
  auto [y, pull] = detail::vjp(detail::of_trees<X>(f), to_tree(x));
  return Vjp<Y, X>{from_tree<Y>(y),
                   [pull = std::move(pull)](const Y& v) { return from_tree<X>(pull(to_tree(v))); }};
}

/// The value of f at x, and the Jacobian times dx (torch.func.jvp). dx has the structure, shapes
/// and dtypes of x. It is computed in forward mode; where an operator has no forward mode, or
/// torch's rule for it is wrong, by differentiating a gradient with respect to its cotangent.
///
/// UnsupportedError: a jvp through torch's batch_norm in training, or through its layer_norm, that
/// is itself differentiated. torch's rules give wrong numbers there, and there is no replacement.
template <class F, detail::TensorOrTree X>
  requires std::invocable<F&, const X&>
auto jvp(F&& f, const X& x, const X& dx) {
  using Y = detail::ResultOf<F, X>;
  auto [y, dy] = detail::jvp(detail::of_trees<X>(f), to_tree(x), to_tree(dx));
  return Jvp<Y>{from_tree<Y>(y), from_tree<Y>(dy)};
}

/// All partial derivatives of f at x: shape (y's shape..., x's shape...). Where x or y is a tree, a
/// tree of y's structure with, in the place of each tensor, a tree of x's structure. ArgumentError:
/// an x or y without elements.
template <class F, detail::TensorOrTree X>
  requires std::invocable<F&, const X&>
auto jacobian(F&& f, const X& x, JacobianOptions options = {}) {
  return from_tree<detail::JacobianOf<F, X>>(
      detail::jacobian(detail::of_trees<X>(f), to_tree(x), options));
}

/// The second partial derivatives of a function whose value is one number, a 0-dim tensor: shape
/// (x's shape..., x's shape...), or for a tree as jacobian gives it. Computed as the Jacobian of
/// the gradient, by default in forward mode over reverse mode.
template <class F, detail::TensorOrTree X>
  requires std::invocable<F&, const X&>
X hessian(F&& f, const X& x, JacobianOptions options = {.mode = DerivativeMode::Forward}) {
  return from_tree<X>(detail::hessian(detail::of_trees<X>(f), to_tree(x), options));
}

/// The Hessian of f, whose value is a 0-dim tensor, times v, at the cost of a few gradients. v and
/// the result have the structure of x.
template <class F, detail::TensorOrTree X>
  requires std::invocable<F&, const X&>
X hvp(F&& f, const X& x, const X& v) {
  return from_tree<X>(detail::hvp(detail::of_trees<X>(f), to_tree(x), to_tree(v)));
}

/// jacobian as a function of x, for transforms of transforms: vmap(jacobian(f))(xs). Further
/// arguments of that function go to f unchanged.
template <class F>
auto jacobian(F f, JacobianOptions options = {}) {
  return [f = std::move(f), options]<detail::TensorOrTree X, class... Rest>(const X& x,
                                                                            const Rest&... rest) {
    return jacobian([&](const X& at) { return std::invoke(f, at, rest...); }, x, options);
  };
}
/// The Jacobians of a function of one sample at every sample of a batch, all at once:
/// vmap(jacobian(f)). x is (batch, ...), f sees a sample without that dimension; shape (batch, y's
/// shape..., x's shape...), with y and x of one sample. For trees as jacobian gives it, each leaf with
/// the batch first. Errors are those of jacobian and vmap. (The f of Lux's function of this name takes
/// the whole batch.)
template <class F, detail::TensorOrTree X>
  requires std::invocable<F&, const X&>
auto batched_jacobian(F f, const X& x, JacobianOptions options = {}) {
  return vmap([&](const X& sample) { return jacobian(f, sample, options); })(x);
}
/// hessian as a function of x, in the same way.
template <class F>
auto hessian(F f, JacobianOptions options = {.mode = DerivativeMode::Forward}) {
  return [f = std::move(f), options]<detail::TensorOrTree X, class... Rest>(const X& x,
                                                                            const Rest&... rest) {
    return hessian([&](const X& at) { return std::invoke(f, at, rest...); }, x, options);
  };
}

}  // namespace luxtorch
