// Which backend runs a call, and the operators of luxtorch/ops/recurrent.h, each of which is a call.
#include <ATen/ops/empty_like.h>
#include <ATen/ops/flip.h>
#include <ATen/ops/gru_cell.h>
#include <ATen/ops/lstm_cell.h>

#include <algorithm>
#include <vector>

#include "ops/fast_path.h"
#include "ops/flops.h"
#include "ops/recurrent/fused.h"
#include "ops/recurrent/kernels.h"
#include "ops/recurrent/reference.h"
#include "ops/recurrent/torch_layer.h"

namespace luxtorch::ops {

namespace {

// The kernels trust their shapes.
bool shapes_fit(const RecurrentCall& call) {
  const auto& w = call.w;
  const auto& lengths = call.options.lengths;
  const bool tokens = !call.x.is_floating_point();
  if (w.weight_ih.dim() != 2 || w.weight_hh.dim() != 2) return false;
  const int64_t dims = (call.step ? 2 : 3) - (tokens ? 1 : 0), out = w.weight_hh.size(1);
  if (call.x.dim() != dims || (tokens && call.x.scalar_type() != kInt64)) return false;
  const int64_t batch = call.x.size(!call.step && call.options.time_first ? 1 : 0);
  const int64_t rows = kernels::gates_of(call.cell) * out;
  auto is = [](const Tensor& t, std::initializer_list<int64_t> shape) {
    return t.sizes() == ShapeView(shape);
  };
  auto is_state = [&](const Tensor& t) { return !t.defined() || is(t, {batch, out}); };
  auto is_bias = [&](const Tensor& t) {
    return t.defined() == w.bias_ih.defined() && (!t.defined() || is(t, {rows}));
  };
  return is(w.weight_ih, {rows, w.weight_ih.size(1)}) && is(w.weight_hh, {rows, out}) &&
         (tokens || call.x.size(-1) == w.weight_ih.size(1)) && is_bias(w.bias_ih) &&
         is_bias(w.bias_hh) && call.h.defined() && is_state(call.h) && is_state(call.c) &&
         (!lengths.defined() || (is(lengths, {batch}) && lengths.scalar_type() == kInt64));
}

// Packing the weights for one step alone takes as long as a step of torch's, if they are many.
bool is_worth_packing(const RecurrentCall& call) {
  constexpr int64_t kSoonPacked = 1 << 13;
  return !call.step || records_graph(call) || reads_unpacked_weights(call) ||
         call.w.weight_ih.numel() + call.w.weight_hh.numel() <= kSoonPacked;
}

constexpr const char* kNotWorthPacking =
    "one step without a graph is not worth the packing of its weights";

// nullptr: it may be fused.
const char* why_not_fused(const RecurrentCall& call) {
  if (const char* reason = why_disabled(FusedOp::recurrence)) return reason;
  if (call.activation) return "the activation has no kernel";
  const auto& w = call.w;
  if (const char* reason = why_unreadable(w.weight_hh.scalar_type(),
                                          {&call.x, &call.h, &call.c, &w.weight_ih, &w.weight_hh,
                                           &w.bias_ih, &w.bias_hh, &call.options.lengths}))
    return reason;
  if (call.x.numel() == 0) return "there are no rows";
  if (!shapes_fit(call)) return "shapes do not fit together";
  return is_worth_packing(call) ? nullptr : kNotWorthPacking;
}

// at::lstm and the like, or at::lstm_cell and at::gru_cell, instead of the kernels.
bool torch_has_it(const RecurrentCall& call, const char* reason) {
  if (call.activation || !call.x.is_floating_point() ||
      (call.step && kernels::gates_of(call.cell) == 1))
    return false;
  if (reason == kNotWorthPacking) return true;
  return call.x.is_cuda() && !call.options.lengths.defined() && call.x.numel() > 0 &&
         !is_indirect(call.x) && !why_disabled(FusedOp::recurrence);
}

Backend choose(const RecurrentCall& call) {
  const char* reason = why_not_fused(call);
  const auto backend = !reason                      ? Backend::fused
                       : torch_has_it(call, reason) ? Backend::torch
                                                    : Backend::reference;
  return remember(FusedOp::recurrence, backend, reason);
}

SequenceOutput step_by_torch(const RecurrentCall& call) {
  const auto& w = call.w;
  const auto bias_ih = maybe(w.bias_ih), bias_hh = maybe(w.bias_hh);
  if (!kernels::has_memory(call.cell))
    return {{}, at::gru_cell(call.x, call.h, w.weight_ih, w.weight_hh, bias_ih, bias_hh), {}};
  auto [h, c] = at::lstm_cell(call.x, {call.h, call.c}, w.weight_ih, w.weight_hh, bias_ih, bias_hh);
  return {{}, h, c};
}

// torch's layer functions want states as (layers, batch, out) and take a list of every layer's
// weights; this is one layer.
SequenceOutput by_torch(const RecurrentCall& call) {
  if (call.step) return step_by_torch(call);
  const auto& w = call.w;
  std::vector weights{w.weight_ih, w.weight_hh};
  if (w.bias_ih.defined()) weights.insert(weights.end(), {w.bias_ih, w.bias_hh});
  auto ordered = [&](const Tensor& x) {
    return call.options.reverse ? at::flip(x, {call.options.time_first ? 0 : 1}) : x;
  };
  std::vector states{call.h.unsqueeze(0)};
  if (kernels::has_memory(call.cell)) states.push_back(call.c.unsqueeze(0));
  auto out = torch_layer(call.cell, states, [&](auto f, const auto& from) {
    return f(ordered(call.x), from, weights, w.bias_ih.defined(), kOneLayer, kNoDropout, kTrain,
             /*bidirectional=*/false, !call.options.time_first);
  });
  return {ordered(out.y), out.h.squeeze(0), out.c.defined() ? out.c.squeeze(0) : out.c};
}

// What a call gives of tensors without numbers, and of no more operators than there are outputs.
SequenceOutput shapes_alone(const RecurrentCall& call) {
  auto like = [](const Tensor& t) { return t.defined() ? at::empty_like(t) : Tensor(); };
  SequenceOutput out{{}, like(call.h), like(call.c)};
  if (call.step) return out;
  auto shape = call.x.sizes().slice(0, 2).vec();
  shape.push_back(call.h.size(-1));
  out.y = call.h.new_empty(shape);
  return out;
}

// Those of all steps, whatever the lengths. The first step's state needs a gradient only where h does.
void count_products(const RecurrentCall& call) {
  const auto& w = call.w;
  const bool tokens = !call.x.is_floating_point();  // rows of the weight, without a product
  const int64_t batch = call.h.size(0),
                rows = batch * (call.step ? 1 : call.x.size(call.options.time_first ? 0 : 1));
  const int64_t of_x = tokens ? 0 : 2 * w.weight_ih.numel(), of_h = 2 * w.weight_hh.numel();
  const auto inputs = differentiated(call);
  const bool recorded =
      std::ranges::any_of(inputs, [](const Tensor* t) { return t->defined() && is_recorded(*t); });
  const int64_t from_h = !recorded ? 0 : is_recorded(call.h) ? rows : rows - batch;
  count({rows * (of_x + of_h),
         of_x * rows * (int64_t{is_recorded(call.x)} + is_recorded(w.weight_ih)) +
             of_h * (from_h + rows * is_recorded(w.weight_hh))});
}

}  // namespace

SequenceOutput run(const RecurrentCall& call) {
  if ((FlopCounter::active() || call.x.is_meta()) && shapes_fit(call)) [[unlikely]] {
    count_products(call);
    if (call.x.is_meta()) return shapes_alone(call);
  }
  switch (choose(call)) {
    case Backend::fused:
      return fused(call);
    case Backend::torch:
      return by_torch(call);
    default:
      return reference(call);
  }
}

SequenceOutput fused(const RecurrentCall& call) {
  if (!records_graph(call)) return run_forward(dense_call(call));
  return call.step ? fused_step(call) : fused_sequence(call);
}

Tensor rnn_cell(const Tensor& x, const Tensor& h, const CellWeights& w,
                const Activation& activation) {
  RecurrentCall call{.x = x, .h = h, .w = w, .step = true};
  call.set_activation(activation);
  return run(call).h;
}

std::pair<Tensor, Tensor> lstm_cell(const Tensor& x, const Tensor& h, const Tensor& c,
                                    const CellWeights& w) {
  auto out = run({.cell = RecurrentCell::lstm, .x = x, .h = h, .c = c, .w = w, .step = true});
  return {std::move(out.h), std::move(out.c)};
}

Tensor gru_cell(const Tensor& x, const Tensor& h, const CellWeights& w) {
  return run({.cell = RecurrentCell::gru, .x = x, .h = h, .w = w, .step = true}).h;
}

SequenceOutput rnn_sequence(const Tensor& x, const Tensor& h, const CellWeights& w,
                            const Activation& activation, SequenceOptions options) {
  RecurrentCall call{.x = x, .h = h, .w = w, .options = std::move(options)};
  call.set_activation(activation);
  return run(call);
}

SequenceOutput lstm_sequence(const Tensor& x, const Tensor& h, const Tensor& c,
                             const CellWeights& w, SequenceOptions options) {
  return run({RecurrentCell::lstm, x, h, c, w, std::move(options)});
}

SequenceOutput gru_sequence(const Tensor& x, const Tensor& h, const CellWeights& w,
                            SequenceOptions options) {
  return run({RecurrentCell::gru, x, h, {}, w, std::move(options)});
}

}  // namespace luxtorch::ops
