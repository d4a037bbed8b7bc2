#include "fit/finite.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/isnan.h>

namespace luxtorch::detail {

namespace {

using BadElements = Tensor (*)(const Tensor& t);

std::optional<std::string> first_with(const Tree& t, BadElements bad) {
  std::optional<std::string> found;
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        if (found || !leaf.is_tensor() || !leaf.tensor().defined()) return;
        const Tensor& x = leaf.tensor();
        if (x.is_floating_point() && bad(x).any().item<bool>()) found = path;
      },
      t);
  return found;
}

}  // namespace

std::optional<std::string> first_not_finite(const Tree& t) {
  return first_with(t, [](const Tensor& x) { return at::isfinite(x).logical_not(); });
}

std::optional<std::string> first_nan(const Tree& t) {
  return first_with(t, [](const Tensor& x) { return at::isnan(x); });
}

}  // namespace luxtorch::detail
