#include "ops/run_again.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/alias.h>
#include <torch/csrc/autograd/autograd.h>

#include <utility>

namespace luxtorch::ops {

std::vector<Tensor> gradients_by_running_again(
    std::span<Tensor* const> inputs, const std::vector<bool>& needed,
    std::span<const Tensor> by_outputs, const std::function<std::vector<Tensor>()>& run_again) {
  const bool create_graph = at::GradMode::is_enabled();
  const at::AutoGradMode recording(true);
  std::vector<Tensor> leaves, outputs, gradients, result(needed.size());
  // Through an alias, the gradient by one input does not pass through another that it came from.
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (needed[i]) leaves.push_back(*inputs[i] = at::alias(*inputs[i]));
  }
  const auto all = run_again();
  for (size_t i = 0; i < all.size(); ++i) {
    if (by_outputs[i].defined() && all[i].requires_grad())
      outputs.push_back(all[i]), gradients.push_back(by_outputs[i]);
  }
  if (outputs.empty()) return result;
  auto found = torch::autograd::grad(outputs, leaves, gradients, /*retain_graph=*/true,
                                     create_graph, /*allow_unused=*/true);
  for (size_t i = 0, next = 0; i < needed.size(); ++i) {
    if (needed[i]) result[i] = std::move(found[next++]);
  }
  return result;
}

}  // namespace luxtorch::ops
