#include "layer_summary_run.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/sum.h>

#include "luxtorch/layer.h"

namespace luxtorch::detail {

namespace {

// The sum of all that carries a graph; undefined where nothing does.
Tensor sum_of(const Tree& y) {
  Tensor sum;
  for (const Tensor& t : tree::tensors(y)) {
    if (!t.defined() || !t.is_floating_point() || !t.requires_grad()) continue;
    const Tensor one = at::sum(t, kFloat64);
    sum = sum.defined() ? sum.add(one) : one;
  }
  return sum;
}

}  // namespace

double RunTimes::seconds() const {
  return std::chrono::duration<double>((forward_end - start) + (end - backward_start)).count();
}

RunTimes run_forward(const ModelRun& run, const Tree& ps, const Tree& st) {
  const NoGrad no_grad;
  const Tree tested = testmode(st);
  RunTimes times;
  times.start = Clock::now();
  run(ps, tested);
  times.forward_end = times.backward_start = times.end = Clock::now();
  return times;
}

RunTimes run_step(const ModelRun& run, const Tree& ps, const Tree& st, const IsTrained& is_trained,
                  const std::function<void()>& between) {
  const at::AutoGradMode recording(true);
  const Tree leaves = tree::map_tensors(
      [&](const Tensor& t) { return t.detach().requires_grad_(is_trained(t)); }, ps);
  const Tree trained = trainmode(tree::detach(st));
  RunTimes times;
  Tensor loss;
  {
    times.start = Clock::now();
    const Tree y = run(leaves, trained);
    times.forward_end = Clock::now();
    loss = sum_of(y);
  }
  between();
  times.backward_start = Clock::now();
  if (loss.defined()) loss.backward();
  times.end = Clock::now();
  return times;
}

}  // namespace luxtorch::detail
