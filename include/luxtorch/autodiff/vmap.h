// vmap: a function of one sample, run for a whole batch at once.
//
//     auto loss = [](const Tree& ps, const Tensor& x, const Tensor& y) { return (ps["w"].tensor() * x - y).square().sum(); };
//     Tree per_sample = vmap(grad(loss), {.in_dims = tuple({Tree(), 0, 0})})(ps, xs, ys);   // each leaf (batch, ...)
//     Tensor products = vmap([](const Tensor& a, const Tensor& b) { return (a * b).sum(); })(as, bs);
//
// Level 4. The function sees tensors without the mapped dimension; torch runs its operators on the batch (as torch.vmap).
// It may call grad, vjp, jvp, jacobian, hessian and vmap, and be called by them. It must not change in place what it is
// given (an ArgumentError, after the fact) or captures (one where the change depends on the sample), nor look at values by
// item() or a branch on a tensor (an ArgumentError).
#pragma once

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

#include "luxtorch/autodiff/packed_values.h"
#include "luxtorch/core/api.h"
#include "luxtorch/tree.h"

namespace luxtorch {

struct VmapOptions {
  /// Which dimension of each argument is mapped: one int64 for all tensors, or a tuple with an entry for each argument:
  /// an int64 for all its tensors, Tree() for what every sample sees whole, or a tree of these in the argument's structure.
  /// Negative ones count from the end.
  Tree in_dims = 0;
  /// Where the mapped dimension comes in the results: an int64, or a tree of these in the result's structure. Tree() is for
  /// results that do not depend on the sample.
  Tree out_dims = 0;
  /// Of draws from an Rng (Dropout), and of torch's own random operators; with Same these draw once for each chunk.
  Randomness randomness = Randomness::Error;
  /// At most so many samples at a time; 0: all.
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
    requires(sizeof...(Arguments) > 0 && (Packable<Arguments> && ...) &&
             std::invocable<const F&, const Arguments&...>)
  auto operator()(const Arguments&... arguments) const {
    using R = std::decay_t<std::invoke_result_t<const F&, const Arguments&...>>;
    static_assert(Packable<R>,
                  "vmap: the function must return a Tensor, a Tree, or a pair, tuple, array or "
                  "vector of these");
    auto of_tree = [&]<size_t... I>(const Tree& t, std::index_sequence<I...>) {
      return pack<R>(std::invoke(f, unpack<Arguments>(t[I])...));
    };
    return unpack<R>(
        vmap([&](const Tree& t) { return of_tree(t, std::index_sequence_for<Arguments...>()); },
             tuple(std::vector<Tree>{pack(arguments)...}), options));
  }
};

}  // namespace detail

/// A function of batches: f for each of the samples, all at once. Arguments are Tensors, Trees, and pairs, tuples, arrays
/// and vectors of these; so is the result. An ArgumentError names arguments whose mapped dimensions differ in size.
template <class F>
auto vmap(F f, VmapOptions options = {}) {
  return detail::Vmapped<F>{std::move(f), std::move(options)};
}

}  // namespace luxtorch
