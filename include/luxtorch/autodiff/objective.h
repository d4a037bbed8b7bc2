// What training minimizes: a function of a model, its parameters and states, and a batch.
//
//     auto objective = [](const Layer& model, const Tree& ps, const Tree& st, const Tree& batch) ->
//     LossOut {
//       auto [x, y] = batch.tensors<2>();
//       auto [y_hat, st2] = apply<Tensor>(model, x, ps, st);
//       return {MSELoss{}(y_hat, y), st2, named({{"mean", y_hat.mean()}})};
//     };
//     auto [grads, loss, stats] = single_train_step_(objective, batch, ts);
//
// A function of (y_hat, y), and so every loss of loss.h, becomes an objective for batches (x, y).
#pragma once

#include <concepts>
#include <functional>
#include <utility>

#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"

namespace luxtorch {

/// What an objective returns.
struct LUXTORCH_API LossOut {
  Tensor loss;             ///< 0-dim, of a floating dtype; it is differentiated.
  Tree st;                 ///< The model's new states.
  Tree stats = named({});  ///< Whatever else the caller wants to see.
};

/// A callable (model, ps, st, batch) -> LossOut.
template <class F>
concept ObjectiveFunction =
    std::is_invocable_r_v<LossOut, const F&, const Layer&, const Tree&, const Tree&, const Tree&>;
/// A callable (y_hat, y) -> Tensor, as the losses of loss.h are.
template <class F>
concept LossFunction = std::is_invocable_r_v<Tensor, const F&, const Tensor&, const Tensor&>;

/// Any objective, with its type erased. Copies share nothing that a const call could change, except
/// what a lambda captures by reference.
class Objective {
 public:
  /// From a callable (model, ps, st, batch) -> LossOut, or from a loss (y_hat, y) -> Tensor, which
  /// is then used for batches (x, y): y_hat is the model's output for x.
  template <class F>
    requires(!std::same_as<F, Objective> && (ObjectiveFunction<F> || LossFunction<F>))
  Objective(F f) : function_(make(std::move(f))) {}

  /// The loss, new states and stats of a batch. Where the objective is a loss, TreeError: a batch
  /// that is not a tuple (x, y) with a tensor y, or a model that does not return one tensor.
  LossOut operator()(const Layer& model, const Tree& ps, const Tree& st, const Tree& batch) const {
    return function_(model, ps, st, batch);
  }

 private:
  using Function = std::function<LossOut(const Layer&, const Tree&, const Tree&, const Tree&)>;
  template <class F>
  static Function make(F f);
  Function function_;
};

namespace detail {
/// Runs the model on the x of batch = (x, y) and compares its output, which must be one tensor,
/// with y.
LUXTORCH_API LossOut
supervised(const std::function<Tensor(const Tensor& y_hat, const Tensor& y)>& loss,
           const Layer& model, const Tree& ps, const Tree& st, const Tree& batch);
/// The same of batches (x, y), for which the mask is undefined, and (x, y, mask).
LUXTORCH_API LossOut supervised(
    const std::function<Tensor(const Tensor& y_hat, const Tensor& y, const Tensor& mask)>& loss,
    const Layer& model, const Tree& ps, const Tree& st, const Tree& batch);
}  // namespace detail

template <class F>
Objective::Function Objective::make(F f) {
  if constexpr (ObjectiveFunction<F>) {
    return f;
  } else {
    return [f = std::function<Tensor(const Tensor&, const Tensor&)>(std::move(f))](
               const Layer& model, const Tree& ps, const Tree& st, const Tree& batch) {
      return detail::supervised(f, model, ps, st, batch);
    };
  }
}

}  // namespace luxtorch
