#include "luxtorch/autodiff/objective.h"

#include "text.h"

namespace luxtorch::detail {

LossOut supervised(const std::function<Tensor(const Tensor&, const Tensor&)>& loss,
                   const Layer& model, const Tree& ps, const Tree& st, const Tree& batch) {
  if (!batch.is_tuple() || batch.size() != 2 || !batch[1].is_tensor()) {
    throw TreeError(
        "Objective",
        "expected a batch (x, y) with a tensor y, got " + describe_kind(batch) +
            ". Make it with tuple({x, y}), or train with a function of (model, ps, st, batch).");
  }
  auto [y_hat, new_st] = apply<Tree>(model, batch[0], ps, st);
  if (!y_hat.is_tensor()) {
    throw TreeError("Objective", "expected the model to return one tensor, got " +
                                     describe_kind(y_hat) +
                                     ". Train with a function of (model, ps, st, batch).");
  }
  return {loss(y_hat.tensor(), batch[1].tensor()), std::move(new_st)};
}

}  // namespace luxtorch::detail
