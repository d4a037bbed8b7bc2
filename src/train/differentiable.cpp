#include "train/differentiable.h"

#include <ATen/core/grad_mode.h>
#include <ATen/functorch/DynamicLayer.h>
#include <ATen/ops/zeros_like.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/autograd.h>

#include "luxtorch/core/error.h"

namespace luxtorch::detail {

bool is_differentiable(const Tree& leaf) {
  return leaf.is_tensor() && leaf.tensor().defined() &&
         (leaf.tensor().is_floating_point() || leaf.tensor().is_complex());
}

void explain(const char* who, const c10::Error& error) {
  const std::string text = error.what_without_backtrace();
  const auto line = text.substr(0, text.find('\n'));
  auto says = [&](const char* words) { return text.find(words) != std::string::npos; };
  if (says("in-place") || says("inplace") || says("mutate") || says("match the broadcast shape")) {
    throw ArgumentError(who,
                        "expected a function that changes nothing in place, got one that does. Use "
                        "operators without a trailing underscore. (torch: " +
                            line + ")");
  }
  if (says(".item()") || says("data-dependent control flow")) {
    throw ArgumentError(
        who,
        "expected a function that does not look at values, got one that does, by item() or a "
        "branch on a tensor. Use where() or masks. (torch: " +
            line + ")");
  }
  throw;
}

Tree gradients_by(const Tree& y, const std::vector<Tensor>& inputs, const Tree& v, const Tree& x) {
  std::vector<Tensor> outputs, weights;
  const auto values = tree::leaves(y), cotangents = tree::leaves(v);
  for (size_t i = 0; i < values.size(); ++i) {
    if (!is_differentiable(values[i]) || !values[i].tensor().requires_grad()) continue;
    outputs.push_back(values[i].tensor());
    weights.push_back(cotangents[i].tensor());
  }
  std::vector<Tensor> found(inputs.size());
  if (!outputs.empty()) {
    found = torch::autograd::grad(outputs, inputs, weights, /*retain_graph=*/true,
                                  at::GradMode::is_enabled(), /*allow_unused=*/true);
  }
  size_t next = 0;
  return tree::map(
      [&](const Tree& leaf) -> Tree {
        if (!is_differentiable(leaf)) return {};
        const Tensor& g = found[next++];
        return g.defined() ? at::functorch::unwrapIfDead(g) : at::zeros_like(leaf.tensor());
      },
      x);
}

}  // namespace luxtorch::detail
