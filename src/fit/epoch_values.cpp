#include "fit/epoch_values.h"

#include <ATen/core/Tensor.h>

#include <charconv>
#include <cmath>

#include "luxtorch/core/device.h"

namespace luxtorch::detail {

EpochValues epoch_values(const Event& event) {
  EpochValues values;
  for (const auto& [name, value] : event.metrics) {
    const Tensor& t = value.tensor();
    if (t.dim() == 0) {
      values.numbers.emplace_back(name, t.item<double>());
    } else {
      values.arrays.emplace_back(name, t.to(cpu_device()).to(kFloat64).contiguous());
    }
  }
  return values;
}

std::string exact_text(double x) {
  if (std::isnan(x)) return "NaN";
  if (std::isinf(x)) return x > 0 ? "Infinity" : "-Infinity";
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, x);
  return std::string(text, end);
}

}  // namespace luxtorch::detail
