#include "ops/recurrent_fused.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/alias.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <optional>

#include "ops/recurrent_plain.h"
#include "ops/recurrent_run.h"

namespace luxtorch::ops {

namespace {

using kernels::RecurrentCell;
using Tensors = torch::autograd::variable_list;
using Maybe = std::optional<Tensor>;

bool has_memory(RecurrentCell cell) { return cell == RecurrentCell::lstm; }

SequenceOutput in_plain_operators(const SequenceInputs& in) {
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

// What the node keeps beside tensors that a graph may hold on to.
struct Kept : torch::CustomClassHolder {
  Kept(RecurrentCell cell, SequenceOptions options, kernels::RecurrentLayout layout)
      : cell(cell), options(std::move(options)), layout(std::move(layout)) {}
  RecurrentCell cell;
  SequenceOptions options;
  kernels::RecurrentLayout layout;
};

// Gradients that are part of a graph themselves: the sequence once more, in plain operators.
SequenceGradients gradients_with_graph(SequenceInputs in, const SequenceOutput& by) {
  Tensors inputs;
  // Through an alias, the gradient by one input does not pass through another that it came from.
  for (Tensor* t :
       {&in.x, &in.h, &in.c, &in.w.weight_ih, &in.w.weight_hh, &in.w.bias_ih, &in.w.bias_hh}) {
    if (t->defined() && t->requires_grad()) inputs.push_back(*t = at::alias(*t));
  }
  const auto out = in_plain_operators(in);
  Tensors outputs, gradients;
  for (auto [value, gradient] : {std::pair{&out.y, &by.y}, {&out.h, &by.h}, {&out.c, &by.c}}) {
    if (gradient->defined() && value->requires_grad())
      outputs.push_back(*value), gradients.push_back(*gradient);
  }
  auto found = torch::autograd::grad(outputs, inputs, gradients, /*retain_graph=*/true,
                                     /*create_graph=*/true, /*allow_unused=*/true);
  SequenceGradients grads;
  size_t next = 0, i = 0;
  for (Tensor* t :
       {&in.x, &in.h, &in.c, &in.w.weight_ih, &in.w.weight_hh, &in.w.bias_ih, &in.w.bias_hh}) {
    if (t->defined() && t->requires_grad()) grads[i] = found[next++];
    ++i;
  }
  return grads;
}

// From the node's list.
SequenceOutput output_of(RecurrentCell cell, const SequenceOptions& options, const Tensors& list) {
  return {options.sequence ? list.back() : Tensor(), list[0],
          has_memory(cell) ? list[1] : Tensor()};
}

struct FusedSequence : torch::autograd::Function<FusedSequence> {
  using Context = torch::autograd::AutogradContext;

  // What is not differentiated comes in one argument: torch makes an edge of every tensor among them.
  struct Rest {
    RecurrentCell cell;
    const SequenceOptions& options;
  };

  // The tensors are those of SequenceGradients; the outputs h, with a memory c, and y where asked for.
  static Tensors forward(Context* context, const Tensor& x, const Tensor& h, const Maybe& c,
                         const Tensor& weight_ih, const Tensor& weight_hh, const Maybe& bias_ih,
                         const Maybe& bias_hh, const Rest& rest) {
    const CellWeights w{weight_ih, weight_hh, bias_ih.value_or(Tensor()),
                        bias_hh.value_or(Tensor())};
    const Tensor memory = c.value_or(Tensor());
    auto run =
        run_forward(sequence_inputs(rest.cell, x, h, memory, w, rest.options), /*keep=*/true);
    context->set_materialize_grads(false);
    context->save_for_backward(
        {x, h, memory, weight_ih, weight_hh, w.bias_ih, w.bias_hh, run.saved});
    context->saved_data["kept"] = at::IValue::make_capsule(
        c10::make_intrusive<Kept>(rest.cell, rest.options, std::move(run.layout)));
    Tensors out{run.out.h};
    for (const auto& t : {run.out.c, run.out.y}) {
      if (t.defined()) out.push_back(t);
    }
    return out;
  }

  static Tensors backward(Context* context, Tensors by_outputs) {
    const auto saved = context->get_saved_variables();
    const auto capsule = context->saved_data["kept"].toCapsule();
    const Kept& kept = static_cast<const Kept&>(*capsule);
    const auto by = output_of(kept.cell, kept.options, by_outputs);
    const CellWeights w{saved[3], saved[4], saved[5], saved[6]};

    auto gradients = [&] {
      if (at::GradMode::is_enabled()) {
        return gradients_with_graph({kept.cell, saved[0], saved[1], saved[2], w, kept.options}, by);
      }
      // torch counts the tensors that there are.
      std::array<bool, 7> needed{};
      for (size_t i = 0, edge = 0; i < needed.size(); ++i)
        needed[i] = saved[i].defined() && context->needs_input_grad(edge++);
      const WantedGradients wanted{needed[0], needed[1], needed[2],
                                   needed[3] || needed[4] || needed[5] || needed[6]};
      return run_backward(sequence_inputs(kept.cell, saved[0], saved[1], saved[2], w, kept.options),
                          saved[7], kept.layout, by, wanted);
    }();
    Tensors all(gradients.begin(), gradients.end());
    all.emplace_back();  // for Rest
    return all;
  }
};

Maybe maybe(const Tensor& t) { return t.defined() ? Maybe(t) : std::nullopt; }
bool records(const Tensor& t) { return t.defined() && t.requires_grad(); }

}  // namespace

SequenceOutput fused_sequence(RecurrentCell cell, const Tensor& x, const Tensor& h, const Tensor& c,
                              const CellWeights& w, const SequenceOptions& options) {
  const bool recorded = at::GradMode::is_enabled() &&
                        (records(x) || records(h) || records(c) || records(w.weight_ih) ||
                         records(w.weight_hh) || records(w.bias_ih) || records(w.bias_hh));
  if (!recorded) return run_forward(sequence_inputs(cell, x, h, c, w, options), /*keep=*/false).out;
  return output_of(cell, options,
                   FusedSequence::apply(x, h, maybe(c), w.weight_ih, w.weight_hh, maybe(w.bias_ih),
                                        maybe(w.bias_hh), FusedSequence::Rest{cell, options}));
}

}  // namespace luxtorch::ops
