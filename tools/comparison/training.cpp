#include "training.h"

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/layer_description.h"

namespace comparison {

using namespace luxtorch;

Training::Training(const Problem& problem)
    : problem_(problem),
      objective_(problem.what.loss),
      ts_(problem.what.model, problem.ps, problem.st, problem.optimiser),
      has_parameters_(parameter_length(problem.ps) > 0) {}

double Training::step() {
  const Tree& batch = problem_.batch(ts_.step);
  if (has_parameters_) return single_train_step_(objective_, batch, ts_).loss.item<double>();
  const auto [loss, grads] = value_and_grad(
      [&](const Tree& x) {
        return objective_(problem_.what.model, problem_.ps, ts_.states(), tuple({x, batch[1]}))
            .loss;
      },
      batch[0]);
  ++ts_.step;
  return loss.item<double>();
}

}  // namespace comparison
