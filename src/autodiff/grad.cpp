#include "luxtorch/autodiff/grad.h"

#include <ATen/core/grad_mode.h>
#include <ATen/functorch/DynamicLayer.h>
#include <ATen/ops/alias.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>

#include "autodiff/chain_graph.h"
#include "autodiff/differentiable.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch::detail {

namespace {

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

bool creates_graph(GradOptions options) {
  return options.create_graph.value_or(transforms::in_differentiated_function());
}

// Under a transform, gradients are a level of their own among torch's, and always differentiable.
ValueAndGrad differentiate_in_transform(const std::function<Tensor(const Tree&)>& f,
                                        const Tree& ps) {
  const transforms::GradientLevel level;
  const at::AutoGradMode recording(true);
  std::vector<Tensor> inputs;
  const Tree wrapped = tree::map(
      [&](const Tree& leaf) -> Tree {
        if (!is_differentiable(leaf)) return leaf;
        return inputs.emplace_back(level.wrap(leaf.tensor()).requires_grad_());
      },
      ps);
  const Tensor value = f(wrapped);
  check_value(value);
  if (!inputs.empty() && !value.requires_grad()) independent();
  const Tree weight = Tree(at::ones_like(value));
  auto unwrap = [&](const Tensor& t) { return level.unwrap(t); };
  Tree grads = tree::map_tensors(unwrap, gradients_by(value, inputs, weight, ps));
  return {unwrap(value), std::move(grads)};
}

// The leaves of ps that are differentiated.
std::vector<Tensor> differentiable_leaves(const Tree& ps) {
  std::vector<Tensor> all;
  for (const Tree& leaf : tree::leaves(ps))
    if (is_differentiable(leaf)) all.push_back(leaf.tensor());
  return all;
}

// ps with other tensors at the places of those leaves.
Tree with_leaves(const Tree& ps, const std::vector<Tensor>& tensors) {
  size_t next = 0;
  return tree::map(
      [&](const Tree& leaf) -> Tree { return is_differentiable(leaf) ? tensors[next++] : leaf; },
      ps);
}

ValueAndGradients differentiate_plainly(const std::function<Tensor(const std::vector<Tensor>&)>& f,
                                        const std::vector<Tensor>& at, GradOptions options) {
  const bool create_graph = creates_graph(options);
  const at::AutoGradMode recording(true);
  std::vector<Tensor> inputs;
  inputs.reserve(at.size());
  for (const Tensor& x : at) {
    // What was made in an inference mode records nothing, but a copy of it does.
    const Tensor t = x.is_inference() ? x.clone() : x;
    // A view of a tensor that records stays part of the outer graph, and is another tensor than
    // the one that f may have captured: that one is a constant here.
    inputs.push_back(create_graph && t.requires_grad() ? at::alias(t)
                                                       : t.detach().requires_grad_());
  }
  const Tensor value = [&] {
    const transforms::DifferentiatedFunction here;
    return f(inputs);
  }();
  check_value(value);
  std::vector<Tensor> gradients;
  if (!inputs.empty()) {
    if (!value.requires_grad()) independent();
    std::optional<std::vector<Tensor>> of_chain;
    if (!create_graph) of_chain = gradients_of_chain(value, inputs);
    gradients = of_chain ? *std::move(of_chain)
                         : torch::autograd::grad({value}, inputs, {}, /*retain_graph=*/std::nullopt,
                                                 create_graph, /*allow_unused=*/true);
    auto defined = [](const Tensor& g) { return g.defined(); };
    if (std::none_of(gradients.begin(), gradients.end(), defined)) independent();
  }
  for (size_t i = 0; i < gradients.size(); ++i)
    if (!gradients[i].defined()) gradients[i] = at::zeros_like(at[i]);
  return {create_graph ? value : value.detach(), std::move(gradients)};
}

}  // namespace

ValueAndGrad differentiate(const std::function<Tensor(const Tree&)>& f, const Tree& ps,
                           GradOptions options) {
  return explaining_torch_errors("value_and_grad", [&]() -> ValueAndGrad {
    const c10::InferenceMode normal_tensors(false);
    if (transforms::active()) return differentiate_in_transform(f, ps);
    auto on_leaves = [&](const std::vector<Tensor>& inputs) { return f(with_leaves(ps, inputs)); };
    auto [value, gradients] = differentiate_plainly(on_leaves, differentiable_leaves(ps), options);
    size_t next = 0;
    Tree grads = tree::map(
        [&](const Tree& leaf) -> Tree {
          return is_differentiable(leaf) ? Tree(std::move(gradients[next++])) : Tree();
        },
        ps);
    return {std::move(value), std::move(grads)};
  });
}

ValueAndGradients differentiate(const std::function<Tensor(const std::vector<Tensor>&)>& f,
                                const std::vector<Tensor>& at) {
  return explaining_torch_errors("value_and_grad", [&]() -> ValueAndGradients {
    const c10::InferenceMode normal_tensors(false);
    if (!transforms::active()) return differentiate_plainly(f, at, {});
    const Tree ps = tuple(std::vector<Tree>(at.begin(), at.end()));
    auto [value, grads] =
        differentiate_in_transform([&](const Tree& t) { return f(tree::tensors(t)); }, ps);
    return {std::move(value), tree::tensors(grads)};
  });
}

Tree settled(const Tree& aux, GradOptions options) {
  const bool detach = !transforms::active() && !creates_graph(options);
  return tree::map_tensors(
      [&](const Tensor& t) {
        if (transforms::active()) return at::functorch::unwrapIfDead(t);
        return detach && t.requires_grad() ? t.detach() : t;
      },
      aux);
}
LossOut settled(const LossOut& out, GradOptions options) {
  const Tree all = settled(tuple({out.loss, out.st, out.stats}), options);
  return {all[0].tensor(), all[1], all[2]};
}

}  // namespace luxtorch::detail
