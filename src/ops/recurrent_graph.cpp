#include "ops/recurrent_graph.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/alias.h>
#include <torch/csrc/autograd/autograd.h>

#include "ops/recurrent_plain.h"
#include "ops/wrapped.h"
#include "transforms.h"

namespace luxtorch::ops {

namespace {

using kernels::RecurrentCell;

std::array<Tensor*, 7> differentiated(RecurrentInput& in) {
  return {&in.x, &in.h, &in.c, &in.w.weight_ih, &in.w.weight_hh, &in.w.bias_ih, &in.w.bias_hh};
}

SequenceOutput step_in_plain_operators(const RecurrentInput& in) {
  switch (in.cell) {
    case RecurrentCell::lstm: {
      auto [h, c] = plain::lstm_cell(in.x, in.h, in.c, in.w);
      return {{}, h, c};
    }
    case RecurrentCell::gru:
      return {{}, plain::gru_cell(in.x, in.h, in.w), {}};
    case RecurrentCell::rnn_tanh:
      return {{}, plain::rnn_cell(in.x, in.h, in.w, tanh), {}};
    case RecurrentCell::rnn_relu:
      break;
  }
  return {{}, plain::rnn_cell(in.x, in.h, in.w, relu), {}};
}

SequenceOutput in_plain_operators(const RecurrentInput& in) {
  if (in.step) return step_in_plain_operators(in);
  switch (in.cell) {
    case RecurrentCell::lstm:
      return plain::lstm_sequence(in.x, in.h, in.c, in.w, in.options);
    case RecurrentCell::gru:
      return plain::gru_sequence(in.x, in.h, in.w, in.options);
    case RecurrentCell::rnn_tanh:
      return plain::rnn_sequence(in.x, in.h, in.w, tanh, in.options);
    case RecurrentCell::rnn_relu:
      break;
  }
  return plain::rnn_sequence(in.x, in.h, in.w, relu, in.options);
}

}  // namespace

bool records_graph(const RecurrentInput& in) {
  if (!at::GradMode::is_enabled()) return false;
  for (const Tensor* t :
       {&in.x, &in.h, &in.c, &in.w.weight_ih, &in.w.weight_hh, &in.w.bias_ih, &in.w.bias_hh}) {
    if (t->defined() && t->requires_grad()) return true;
  }
  return false;
}

bool needs_plain_operators(const SequenceOutput& by) {
  if (at::GradMode::is_enabled() || transforms::active()) return true;
  for (const Tensor* t : {&by.y, &by.h, &by.c}) {
    if (t->defined() && (is_wrapped(*t) || t->_fw_grad(/*level=*/0).defined())) return true;
  }
  return false;
}

RecurrentGradients gradients_with_graph(RecurrentInput in, const SequenceOutput& by) {
  const bool create_graph = at::GradMode::is_enabled();
  const at::AutoGradMode recording(true);
  std::vector<Tensor> inputs, outputs, gradients;
  // Through an alias, the gradient by one input does not pass through another that it came from.
  for (Tensor* t : differentiated(in)) {
    if (t->defined() && t->requires_grad()) inputs.push_back(*t = at::alias(*t));
  }
  const auto out = in_plain_operators(in);
  for (auto [value, gradient] : {std::pair{&out.y, &by.y}, {&out.h, &by.h}, {&out.c, &by.c}}) {
    if (gradient->defined() && value->requires_grad())
      outputs.push_back(*value), gradients.push_back(*gradient);
  }
  RecurrentGradients grads;
  if (outputs.empty()) return grads;
  auto found = torch::autograd::grad(outputs, inputs, gradients, /*retain_graph=*/true,
                                     create_graph, /*allow_unused=*/true);
  size_t next = 0, i = 0;
  for (Tensor* t : differentiated(in)) {
    if (t->defined() && t->requires_grad()) grads[i] = found[next++];
    ++i;
  }
  return grads;
}

}  // namespace luxtorch::ops
