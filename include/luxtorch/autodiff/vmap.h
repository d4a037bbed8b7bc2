// vmap: a function of one sample, run for a whole batch at once.
//
//     auto loss = [](const Tree& ps, const Tensor& x, const Tensor& y) { return (ps["w"].tensor() * x - y).square().sum(); };
//     Tree per_sample = vmap(grad(loss), {.in_dims = tuple({Tree(), 0, 0})})(ps, xs, ys);   // each leaf (batch, ...)
//     Tensor products = vmap([](const Tensor& a, const Tensor& b) { return (a * b).sum(); })(as, bs);
//
// The function sees tensors without the mapped dimension; torch runs its operators on the whole
// batch (as in torch.vmap). The function may call grad, vjp, jvp, jacobian, hessian and vmap, and
// may be called by them.
//
// ArgumentError: a function that changes its arguments in place (found after the call), or a
// captured tensor in a way that depends on the sample; one that reads values, by item() or a branch
// on a tensor.
#pragma once

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

#include "luxtorch/core/api.h"
#include "luxtorch/tree.h"
#include "luxtorch/tree_conversion.h"

namespace luxtorch {

/// What vmap maps, and how.
struct VmapOptions {
  /// Which dimension of each argument is mapped: one int64 for all tensors, or a tuple with an
  /// entry for each argument. An entry is an int64 for all tensors of the argument, Tree() for an
  /// argument that every sample sees whole, or a tree of these with the argument's structure.
  /// Negative ones count from the end.
  Tree in_dims = 0;
  /// Where the results have the mapped dimension: an int64 for all, or a tree of these with the
  /// result's structure, with Tree() for results that do not depend on the sample.
  Tree out_dims = 0;
  /// What draws from an Rng (as Dropout's) and torch's own random operators do. With Same, the
  /// latter draw once for each chunk.
  Randomness randomness = Randomness::Error;
  /// The most samples that run at the same time, which bounds the memory; 0: all. ArgumentError:
  /// below 0.
  int64_t chunk_size = 0;
};

namespace detail {

LUXTORCH_API Tree vmap(const std::function<Tree(const Tree& arguments)>& f, const Tree& arguments,
                       const VmapOptions& options);

template <class F>
struct Vmapped {
  F f;
  VmapOptions options;

  template <class... Arguments>
    requires(sizeof...(Arguments) > 0 && (TreeConvertible<Arguments> && ...) &&
             std::invocable<const F&, const Arguments&...>)
  auto operator()(const Arguments&... arguments) const {
    using R = std::decay_t<std::invoke_result_t<const F&, const Arguments&...>>;
    static_assert(TreeConvertible<R>,
                  "vmap: the function must return a Tensor, a Tree, or a pair, tuple, array or "
                  "vector of these");
    auto of_tree = [&]<size_t... I>(const Tree& t, std::index_sequence<I...>) {
      return to_tree(std::invoke(f, from_tree<Arguments>(t[I])...));
    };
    return from_tree<R>(
        vmap([&](const Tree& t) { return of_tree(t, std::index_sequence_for<Arguments...>()); },
             tuple(std::vector<Tree>{to_tree(arguments)...}), options));
  }
};

}  // namespace detail

/// A function of batches, which computes f for all samples at once. Its arguments are Tensors,
/// Trees, and pairs, tuples, arrays and vectors of these; so is its result. ArgumentError: mapped
/// dimensions of different sizes (the message names the arguments), no mapped dimension, or one of
/// size 0.
template <class F>
auto vmap(F f, VmapOptions options = {}) {
  return detail::Vmapped<F>{std::move(f), std::move(options)};
}

}  // namespace luxtorch
