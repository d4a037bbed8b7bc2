// What the nodes of fused sequences and of fused steps have in common: when there is one, and gradients
// that are part of a graph.
#include <ATen/core/grad_mode.h>

#include <vector>

#include "ops/fast_path.h"
#include "ops/recurrent/fused.h"
#include "ops/recurrent/reference.h"
#include "ops/run_again.h"

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
  const Tensor by_outputs[]{by.y, by.h, by.c};
  return gradients_by_running_again(inputs, needed, by_outputs, [&]() -> std::vector<Tensor> {
    const auto out = run_again();
    return {out.y, out.h, out.c};
  });
}

std::vector<Tensor> gradients_with_graph(RecurrentCall call, const SequenceOutput& by) {
  const auto inputs = differentiated(call);
  std::vector<bool> needed;
  for (const Tensor* t : inputs) needed.push_back(t->defined() && t->requires_grad());
  return gradients_with_graph(inputs, needed, by, [&] { return reference(call); });
}

}  // namespace luxtorch::ops
