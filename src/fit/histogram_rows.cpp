#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "fit/event_messages.h"
#include "luxtorch/core/device.h"

namespace luxtorch::detail {

Tensor histogram_rows(const Tensor& values, int64_t bins) {
  const auto all = values.detach().to(cpu_device()).to(kFloat64).contiguous();
  const double* begin = all.const_data_ptr<double>();
  const double* end = begin + all.numel();
  double low = INFINITY, high = -INFINITY;
  for (const double* v = begin; v != end; ++v) {
    if (!std::isfinite(*v)) continue;
    low = std::min(low, *v);
    high = std::max(high, *v);
  }
  if (low > high) return {};
  auto rows = at::zeros({bins, 3}, kFloat64);
  auto* row = rows.mutable_data_ptr<double>();
  // Halves, since high - low of large numbers overflows.
  const double half_range = high / 2 - low / 2;
  const auto edge = [&](int64_t bin) {
    const double part = static_cast<double>(bin) / static_cast<double>(bins);
    return low == high ? low : low * (1 - part) + high * part;
  };
  for (int64_t bin = 0; bin < bins; ++bin) {
    row[3 * bin] = bin == 0 ? low : edge(bin);
    row[3 * bin + 1] = bin + 1 == bins ? high : edge(bin + 1);
  }
  for (const double* v = begin; v != end; ++v) {
    if (!std::isfinite(*v)) continue;
    // Of equal values the last bin has all, as in TensorBoard.
    const double part = half_range > 0 ? (*v / 2 - low / 2) / half_range : 1;
    const auto bin = std::min(bins - 1, static_cast<int64_t>(part * static_cast<double>(bins)));
    row[3 * bin + 2] += 1;
  }
  return rows;
}

}  // namespace luxtorch::detail
