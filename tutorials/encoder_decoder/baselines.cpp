#include "baselines.h"

#include <ATen/ops/linalg_solve.h>
#include <luxtorch/core/ops.h>

#include <vector>

namespace lux = luxtorch;
using lux::Tensor;

Tensor last_value(const Tensor& seen, int64_t steps) {
  return seen.narrow(1, seen.size(1) - 1, 1).expand({seen.size(0), steps});
}

Tensor seasonal(const Tensor& seen, int64_t steps) {
  const int64_t n = seen.size(0), length = seen.size(1);
  std::vector<Tensor> misses, continuations;  // of each lag: (n) and (n, steps)
  for (int64_t lag = steps; lag <= length / 2; ++lag) {
    auto now = seen.narrow(1, lag, length - lag), before = seen.narrow(1, 0, length - lag);
    misses.push_back((now - before).square().mean(1));
    continuations.push_back(seen.narrow(1, length - lag, steps));
  }
  auto best = lux::stack(misses, 1).argmin(1);
  return lux::stack(continuations, 1)
      .gather(1, best.reshape({n, 1, 1}).expand({n, 1, steps}))
      .squeeze(1);
}

Tensor autoregression(const Tensor& seen, int64_t steps, int64_t order) {
  auto values = seen.to(lux::kFloat64);
  auto windows = values.unfold(1, order + 1, 1);  // (n, seen - order, order + 1)
  auto x = windows.narrow(2, 0, order), y = windows.narrow(2, order, 1);
  auto xt = x.transpose(1, 2);
  // A little ridge: without noise the last columns follow from the first.
  auto ridge = lux::eye(order, {.dtype = lux::kFloat64, .device = seen.device()}) * 1e-3;
  auto weights = at::linalg_solve(xt.matmul(x) + ridge, xt.matmul(y));  // (n, order, 1)
  std::vector<Tensor> forecast;
  for (int64_t k = 0; k < steps; ++k) {
    auto last = values.narrow(1, values.size(1) - order, order);
    forecast.push_back(last.unsqueeze(1).matmul(weights).squeeze(1));
    values = lux::cat({values, forecast.back()}, 1);
  }
  return lux::cat(forecast, 1).to(seen.scalar_type());
}
