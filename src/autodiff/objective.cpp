#include "luxtorch/autodiff/objective.h"

#include "text.h"

namespace luxtorch::detail {

namespace {

constexpr auto kObjective = "Objective";
constexpr auto kOrTrain = ", or train with a function of (model, ps, st, batch).";

std::pair<Tensor, Tree> output(const Layer& model, const Tree& x, const Tree& ps, const Tree& st) {
  auto [y_hat, new_st] = apply<Tree>(model, x, ps, st);
  if (y_hat.is_tensor()) return {y_hat.tensor(), std::move(new_st)};
  throw TreeError(kObjective, "expected the model to return one tensor, got " +
                                  describe_kind(y_hat) +
                                  ". Train with a function of (model, ps, st, batch).");
}

}  // namespace

LossOut supervised(const std::function<Tensor(const Tensor&, const Tensor&)>& loss,
                   const Layer& model, const Tree& ps, const Tree& st, const Tree& batch) {
  if (!batch.is_tuple() || batch.size() != 2 || !batch[1].is_tensor()) {
    throw TreeError(kObjective, "expected a batch (x, y) with a tensor y, got " +
                                    describe_kind(batch) + ". Make it with tuple({x, y})" +
                                    kOrTrain);
  }
  auto [y_hat, new_st] = output(model, batch[0], ps, st);
  return {loss(y_hat, batch[1].tensor()), std::move(new_st)};
}

LossOut supervised(const std::function<Tensor(const Tensor&, const Tensor&, const Tensor&)>& loss,
                   const Layer& model, const Tree& ps, const Tree& st, const Tree& batch) {
  const bool masked = batch.is_tuple() && batch.size() == 3;
  if (!batch.is_tuple() || (batch.size() != 2 && !masked) || !batch[1].is_tensor() ||
      (masked && !batch[2].is_tensor())) {
    throw TreeError(kObjective,
                    "expected a batch (x, y) or (x, y, mask) with tensors y and mask, got " +
                        describe_kind(batch) + ". Make it with tuple({x, y})" + kOrTrain);
  }
  auto [y_hat, new_st] = output(model, batch[0], ps, st);
  return {loss(y_hat, batch[1].tensor(), masked ? batch[2].tensor() : Tensor()), std::move(new_st)};
}

}  // namespace luxtorch::detail
