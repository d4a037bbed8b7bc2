#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <optional>

#include "ops/recurrent/fused.h"
#include "ops/recurrent/kernels.h"

namespace luxtorch::ops {

namespace {

using Tensors = torch::autograd::variable_list;
using Maybe = std::optional<Tensor>;

// What the node keeps beside tensors that a graph may hold on to.
struct Kept : torch::CustomClassHolder {
  Kept(RecurrentCell cell, SequenceOptions options, kernels::RecurrentLayout layout)
      : cell(cell), options(std::move(options)), layout(std::move(layout)) {}
  RecurrentCell cell;
  SequenceOptions options;
  kernels::RecurrentLayout layout;
};

// From the node's list.
SequenceOutput output_of(RecurrentCell cell, const SequenceOptions& options, const Tensors& list) {
  return {options.sequence ? list.back() : Tensor(), list[0],
          kernels::has_memory(cell) ? list[1] : Tensor()};
}

struct FusedSequence : torch::autograd::Function<FusedSequence> {
  using Context = torch::autograd::AutogradContext;

  // What is not differentiated comes in one argument: torch makes an edge of every tensor among them.
  struct Rest {
    RecurrentCell cell;
    const SequenceOptions& options;
  };

  // The tensors are those of differentiated(); the outputs h, with a memory c, and y where asked for.
  static Tensors forward(Context* context, const Tensor& x, const Tensor& h, const Maybe& c,
                         const Tensor& weight_ih, const Tensor& weight_hh, const Maybe& bias_ih,
                         const Maybe& bias_hh, const Rest& rest) {
    const RecurrentCall in{
        rest.cell,
        x,
        h,
        c.value_or(Tensor()),
        {weight_ih, weight_hh, bias_ih.value_or(Tensor()), bias_hh.value_or(Tensor())},
        rest.options};
    const auto dense = dense_call(in);
    auto prepared = prepare_forward(dense);
    auto run = run_forward(dense, prepared, /*keep=*/true);
    context->set_materialize_grads(false);
    context->save_for_backward(
        {x, h, in.c, weight_ih, weight_hh, in.w.bias_ih, in.w.bias_hh, run.saved});
    context->saved_data["kept"] = at::IValue::make_capsule(
        c10::make_intrusive<Kept>(rest.cell, rest.options, std::move(prepared.layout)));
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
    const RecurrentCall in{
        kept.cell,   saved[0], saved[1], saved[2], {saved[3], saved[4], saved[5], saved[6]},
        kept.options};
    // torch counts the tensors that there are.
    std::array<bool, 7> needed{};
    for (size_t i = 0, edge = 0; i < needed.size(); ++i)
      needed[i] = saved[i].defined() && context->needs_input_grad(edge++);

    auto all = needs_reference(by) ? gradients_with_graph(in, by)
                                   : gradients_by_kernels(in, saved[7], kept.layout, by, needed);
    all.emplace_back();  // for Rest
    return all;
  }

  static Tensors gradients_by_kernels(const RecurrentCall& in, const Tensor& saved,
                                      const kernels::RecurrentLayout& layout,
                                      const SequenceOutput& by, const std::array<bool, 7>& needed) {
    const auto dense = dense_call(in);
    const bool weights = needed[3] || needed[4] || needed[5] || needed[6];
    const Tensor packed = prepare_backward(dense, layout, needed[0]);
    const Tensor sums = weights ? zero_sums(dense, layout) : Tensor();
    auto of_inputs =
        run_backward(dense, layout, {saved, packed, by, needed[0], needed[1], needed[2], sums});
    Tensors all;
    all.reserve(needed.size() + 1);
    std::move(of_inputs.begin(), of_inputs.end(), std::back_inserter(all));
    if (weights) {
      auto by_weights = weight_gradients(dense, layout, sums);
      std::move(by_weights.begin(), by_weights.end(), std::back_inserter(all));
    }
    all.resize(needed.size());
    return all;
  }
};

}  // namespace

SequenceOutput fused_sequence(const RecurrentCall& in) {
  const auto& w = in.w;
  return output_of(
      in.cell, in.options,
      FusedSequence::apply(in.x, in.h, maybe(in.c), w.weight_ih, w.weight_hh, maybe(w.bias_ih),
                           maybe(w.bias_hh), FusedSequence::Rest{in.cell, in.options}));
}

}  // namespace luxtorch::ops
