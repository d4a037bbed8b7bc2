// What the nodes of fused sequences and of fused steps have in common: when there is one, and gradients
// that are part of a graph.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/alias.h>
#include <torch/csrc/autograd/autograd.h>

#include <utility>
#include <vector>

#include "ops/fast_path.h"
#include "ops/recurrent/fused.h"
#include "ops/recurrent/reference.h"

namespace luxtorch::ops {

bool records_graph(const RecurrentCall& call) {
  if (!at::GradMode::is_enabled()) return false;
  for (const Tensor* t : differentiated(call)) {
    if (t->defined() && t->requires_grad()) return true;
  }
  return false;
}

bool needs_reference(const SequenceOutput& by) {
  if (at::GradMode::is_enabled() || transforms::active()) return true;
  for (const Tensor* t : {&by.y, &by.h, &by.c}) {
    if (t->defined() && (is_indirect(*t) || has_tangent(*t))) return true;
  }
  return false;
}

std::vector<Tensor> gradients_with_graph(std::span<Tensor* const> inputs,
                                         const std::vector<bool>& needed, const SequenceOutput& by,
                                         const std::function<SequenceOutput()>& run_again) {
  const bool create_graph = at::GradMode::is_enabled();
  const at::AutoGradMode recording(true);
  std::vector<Tensor> leaves, outputs, gradients, result(needed.size());
  // Through an alias, the gradient by one input does not pass through another that it came from.
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (needed[i]) leaves.push_back(*inputs[i] = at::alias(*inputs[i]));
  }
  const auto out = run_again();
  for (auto [value, gradient] : {std::pair{&out.y, &by.y}, {&out.h, &by.h}, {&out.c, &by.c}}) {
    if (gradient->defined() && value->requires_grad())
      outputs.push_back(*value), gradients.push_back(*gradient);
  }
  if (outputs.empty()) return result;
  auto found = torch::autograd::grad(outputs, leaves, gradients, /*retain_graph=*/true,
                                     create_graph, /*allow_unused=*/true);
  for (size_t i = 0, next = 0; i < needed.size(); ++i) {
    if (needed[i]) result[i] = std::move(found[next++]);
  }
  return result;
}

std::vector<Tensor> gradients_with_graph(RecurrentCall call, const SequenceOutput& by) {
  const auto inputs = differentiated(call);
  std::vector<bool> needed;
  for (const Tensor* t : inputs) needed.push_back(t->defined() && t->requires_grad());
  return gradients_with_graph(inputs, needed, by, [&] { return reference(call); });
}

}  // namespace luxtorch::ops
