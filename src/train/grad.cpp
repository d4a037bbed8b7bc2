#include "luxtorch/train/grad.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/alias.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/autograd.h>

#include "text.h"

namespace luxtorch::detail {

namespace {

bool has_gradient(const Tree& leaf) {
  return leaf.is_tensor() && leaf.tensor().defined() &&
         (leaf.tensor().is_floating_point() || leaf.tensor().is_complex());
}

void check_value(const Tensor& value) {
  if (!value.defined()) {
    throw ArgumentError("value_and_grad", "expected f to return a tensor, got an undefined one.");
  }
  if (value.dim() != 0 || !value.is_floating_point()) {
    throw ArgumentError("value_and_grad",
                        "expected f to return a floating tensor of shape (), got " +
                            describe_kind(value) +
                            ". Reduce it, for example by .mean() or .sum().");
  }
}

[[noreturn]] void independent() {
  throw ArgumentError(
      "value_and_grad",
      "expected a value that depends on ps, got one that does not. Compute it from the tree "
      "that f is given, without detach(), item() or a guard that turns gradients off.");
}

}  // namespace

ValueAndGrad differentiate(const std::function<Tensor(const Tree&)>& f, const Tree& ps,
                           GradOptions options) {
  const at::AutoGradMode recording(true);
  std::vector<Tensor> inputs;
  const Tree aliases = tree::map(
      [&](const Tree& leaf) -> Tree {
        if (!has_gradient(leaf)) return leaf;
        const Tensor& t = leaf.tensor();
        // A view of a tensor that records stays part of the outer graph, and is another tensor than
        // the one that f may have captured: that one is a constant here.
        inputs.push_back(options.create_graph && t.requires_grad() ? at::alias(t)
                                                                   : t.detach().requires_grad_());
        return inputs.back();
      },
      ps);

  const Tensor value = f(aliases);
  check_value(value);
  std::vector<Tensor> gradients;
  if (!inputs.empty()) {
    if (!value.requires_grad()) independent();
    gradients = torch::autograd::grad({value}, inputs, {}, /*retain_graph=*/std::nullopt,
                                      options.create_graph,
                                      /*allow_unused=*/true);
    auto defined = [](const Tensor& g) { return g.defined(); };
    if (std::none_of(gradients.begin(), gradients.end(), defined)) independent();
  }

  size_t next = 0;
  Tree grads = tree::map(
      [&](const Tree& leaf) -> Tree {
        if (!has_gradient(leaf)) return {};
        Tensor& g = gradients[next++];
        return g.defined() ? std::move(g) : at::zeros_like(leaf.tensor());
      },
      ps);
  return {options.create_graph ? value : value.detach(), std::move(grads)};
}

Tensor without_graph(const Tensor& t) { return t.defined() && t.requires_grad() ? t.detach() : t; }
Tree without_graph(const Tree& t) {
  return tree::map_tensors([](const Tensor& leaf) { return without_graph(leaf); }, t);
}
LossOut without_graph(const LossOut& out) {
  return {without_graph(out.loss), without_graph(out.st), without_graph(out.stats)};
}

}  // namespace luxtorch::detail
