#include "luxtorch/layers/checkpointed.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/alias.h>
#include <ATen/ops/empty.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "luxtorch/core/error.h"
#include "transforms.h"

namespace luxtorch {

namespace {

using Tensors = torch::autograd::variable_list;

bool carries_gradients(const Tensor& t) {
  return t.defined() && (t.is_floating_point() || t.is_complex());
}

// The tensors of a tree, or those that carry gradients, and the tree with others in their places.
bool is_defined(const Tensor& t) { return t.defined(); }
Tensors tensors_of(const Tree& t, bool (*which)(const Tensor&)) {
  Tensors all;
  for (const auto& tensor : tree::tensors(t))
    if (which(tensor)) all.push_back(tensor);
  return all;
}
Tree with_tensors(const Tree& t, bool (*which)(const Tensor&), const Tensors& tensors) {
  size_t next = 0;
  return tree::map(
      [&](const Tree& leaf) {
        return leaf.is_tensor() && which(leaf.tensor()) ? Tree(tensors[next++]) : leaf;
      },
      t);
}

// A layer's call on one tree of all that goes in: x, parameters and states.
struct Call {
  Layer layer;
  Tree in;  // with empty tensors

  Out<Tree> run(const Tree& all) const { return layer(all[0], all[1], all[2]); }
};

struct Recomputed : torch::autograd::Function<Recomputed> {
  using Context = torch::autograd::AutogradContext;

  // What is not differentiated comes in one argument: torch makes an edge of every tensor among them.
  struct Rest {
    std::shared_ptr<const Call> call;
    const Tree& in;
    Out<Tree>& out;
  };
  struct Kept : torch::CustomClassHolder {
    explicit Kept(std::shared_ptr<const Call> c) : call(std::move(c)) {}
    std::shared_ptr<const Call> call;
  };

  static Tensors forward(Context* context, at::TensorList inputs, const Rest& rest) {
    rest.out = rest.call->run(rest.in);
    Tensors outputs;
    // Torch would take a tensor that passes through for the input that it is, and give one that is a new state, too, a graph.
    auto others = tensors_of(rest.out.second, is_defined);
    others.insert(others.end(), inputs.begin(), inputs.end());
    for (const auto& t : tensors_of(rest.out.first, carries_gradients)) {
      const bool same = std::any_of(others.begin(), others.end(),
                                    [&](const Tensor& other) { return t.is_same(other); });
      outputs.push_back(same ? at::alias(t) : t);
    }
    context->save_for_backward(inputs.vec());
    context->set_materialize_grads(false);
    context->saved_data["kept"] = at::IValue::make_capsule(c10::make_intrusive<Kept>(rest.call));
    return outputs;
  }

  static Tensors backward(Context* context, Tensors by_outputs) {
    const auto capsule = context->saved_data["kept"].toCapsule();
    const Call& call = *static_cast<const Kept&>(*capsule).call;
    const bool create_graph = at::GradMode::is_enabled();
    const at::AutoGradMode recording(true);
    Tensors inputs, wanted;
    size_t i = 0;
    for (const auto& saved : context->get_saved_variables()) {
      const bool needed = context->needs_input_grad(i++);
      inputs.push_back(create_graph ? at::alias(saved) : saved.detach().requires_grad_(needed));
      if (needed) wanted.push_back(inputs.back());
    }
    Tensors outputs, weights;
    const auto again = [&] {
      const transforms::DifferentiatedFunction here;  // a layer may take gradients itself
      return tensors_of(call.run(with_tensors(call.in, is_defined, inputs)).first,
                        carries_gradients);
    }();
    if (again.size() != by_outputs.size()) {
      throw ArgumentError("checkpointed",
                          fmt::format("expected a layer that gives the same each time, got {} "
                                      "tensors, and {} in the pass backward.",
                                      by_outputs.size(), again.size()));
    }
    for (size_t o = 0; o < again.size(); ++o) {
      if (!by_outputs[o].defined() || !again[o].requires_grad()) continue;
      outputs.push_back(again[o]), weights.push_back(by_outputs[o]);
    }
    Tensors found(wanted.size());
    if (!outputs.empty()) {
      found = torch::autograd::grad(outputs, wanted, weights, /*retain_graph=*/std::nullopt,
                                    create_graph, /*allow_unused=*/true);
    }
    Tensors gradients;
    size_t next = 0;
    for (i = 0; i < inputs.size(); ++i)
      gradients.push_back(context->needs_input_grad(i) ? found[next++] : Tensor());
    gradients.emplace_back();  // for Rest
    return gradients;
  }
};

}  // namespace

Out<Tree> Checkpointed::operator()(const Tree& x, const Tree& ps, const Tree& st) const {
  const Tree in = tuple({x, ps, st});
  const auto inputs = tensors_of(in, is_defined);
  const bool recorded =
      at::GradMode::is_enabled() && !transforms::active() &&
      std::any_of(inputs.begin(), inputs.end(), [](const Tensor& t) { return t.requires_grad(); });
  if (!recorded) {
    auto out = layer_(x, ps, st);
    detail::report(*this, out.first);
    return out;
  }
  Out<Tree> out;
  // The tensors live in the node's saved variables, which notice changes in place.
  Tensors empty;
  for (const auto& t : inputs) empty.push_back(at::empty({0}, t.options().requires_grad(false)));
  const auto call = std::make_shared<const Call>(Call{layer_, with_tensors(in, is_defined, empty)});
  const auto outputs = Recomputed::apply(at::TensorList(inputs), Recomputed::Rest{call, in, out});
  out.first = with_tensors(out.first, carries_gradients, outputs);
  detail::report(*this, out.first);
  return out;
}

}  // namespace luxtorch
