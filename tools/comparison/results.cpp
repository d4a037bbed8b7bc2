#include "results.h"

#include <ATen/ops/empty.h>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/device.h"
#include "luxtorch/interop/state_dict.h"
#include "training.h"

namespace comparison {

using namespace luxtorch;

Tree results(const Problem& problem, int64_t steps) {
  const Layer& model = problem.what.model;
  const Objective objective(problem.what.loss);
  const Tree& batch = problem.batch(0);
  auto [y, st] = apply<Tensor>(model, batch[0], problem.ps, problem.st);
  auto [value, grads] = value_and_grad(
      [&](const Tree& at) {
        return objective(model, at["ps"], problem.st, tuple({at["x"], batch[1]})).loss;
      },
      named({{"x", batch[0]}, {"ps", problem.ps}}));

  Tensor losses = at::empty({steps}, kFloat64);
  Training training(problem);
  for (int64_t i = 0; i < steps; ++i) losses.mutable_data_ptr<double>()[i] = training.step();

  const Tree found = named(
      {{"output", y},
       {"loss", value},
       {"gradients", named({{"x", grads["x"]}, {"ps", to_torch(model, grads["ps"], problem.st)}})},
       {"states", to_torch(model, problem.ps, st)},
       {"losses", losses}});
  return tree::to(tree::detach(found), cpu_device());
}

}  // namespace comparison
