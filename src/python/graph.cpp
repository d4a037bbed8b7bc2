#include "python/graph.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

#include <utility>

#include "ops/recurrent/fused.h"
#include "ops/recurrent/torch_layer.h"

namespace luxtorch::python {

namespace {

// Masks lie between the layers, so torch's operators are given one layer at a time.
StackOutput layer_in_torch(const StackCall& call, const Tensor& x, const std::vector<Tensor>& hx,
                           at::TensorList weights) {
  const auto& kind = call.kind;
  return ops::torch_layer(kind.cell, hx, [&](auto f, const auto& states) {
    if (call.batch_sizes.defined())
      return f(x, call.batch_sizes, states, weights, kind.biases, ops::kOneLayer, ops::kNoDropout,
               ops::kTrain, kind.bidirectional);
    return f(x, states, weights, kind.biases, ops::kOneLayer, ops::kNoDropout, ops::kTrain,
             kind.bidirectional, kind.batch_first);
  });
}

std::vector<Tensor> states_of(const StackCall& call, int64_t layer) {
  const auto& kind = call.kind;
  std::vector<Tensor> states;
  for (const auto& state : call.hx)
    states.push_back(state.narrow(0, layer * kind.directions(), kind.directions()));
  if (!states.empty()) return states;
  return {
      static_cast<size_t>(kind.states()),
      at::zeros({kind.directions(), call.batch(), call.weights[1].size(1)}, call.input.options())};
}

StackOutput in_torch(const StackCall& call) {
  const auto& kind = call.kind;
  const size_t tensors = kind.directions() * kind.tensors();
  std::vector<Tensor> h, c;
  Tensor x = call.input;
  for (int64_t layer = 0; layer < kind.layers; ++layer) {
    auto out = layer_in_torch(call, x, states_of(call, layer),
                              at::TensorList(call.weights).slice(layer * tensors, tensors));
    x = std::move(out.y);
    if (layer + 1 < kind.layers && !call.masks.empty()) {
      const auto& mask = call.masks[layer];
      const bool turned = kind.batch_first && !call.batch_sizes.defined();
      x = x.mul(turned ? mask.transpose(0, 1) : mask);
    }
    h.push_back(std::move(out.h));
    if (out.c.defined()) c.push_back(std::move(out.c));
  }
  return {x, at::cat(h), c.empty() ? Tensor() : at::cat(c)};
}

}  // namespace

std::vector<Tensor> backward_with_graph(StackCall call, const StackOutput& by,
                                        const std::vector<bool>& needed) {
  std::vector<Tensor*> inputs{&call.input};
  for (auto& t : call.hx) inputs.push_back(&t);
  for (auto& t : call.weights) inputs.push_back(&t);
  return ops::gradients_with_graph(inputs, needed, by, [&] { return in_torch(call); });
}

}  // namespace luxtorch::python
