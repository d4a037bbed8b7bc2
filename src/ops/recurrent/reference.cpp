#include "ops/recurrent/reference.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tanh.h>

#include <vector>

#include "ops/padding.h"

namespace luxtorch::ops {

namespace {

struct State {
  Tensor h, c;
};

// W_ih x + b_ih, of one step or of all at once.
Tensor input_product(const Tensor& x, const CellWeights& w) {
  if (x.is_floating_point()) return at::linear(x, w.weight_ih, maybe(w.bias_ih));
  auto table = w.weight_ih.t();
  // Rows are read faster from a table in their order, which is worth its price for many of them.
  if (x.numel() >= table.size(0)) table = table.contiguous();
  auto rows = at::embedding(table, x);
  return w.bias_ih.defined() ? rows.add(w.bias_ih) : rows;
}
Tensor hidden_product(const Tensor& h, const CellWeights& w) {
  return at::linear(h, w.weight_hh, maybe(w.bias_hh));
}

// One step of each, from the product of its input.
State rnn_step(const Tensor& input, const State& s, const CellWeights& w, const Activation& f) {
  return {f(input.add(hidden_product(s.h, w))), {}};
}
State lstm_step(const Tensor& input, const State& s, const CellWeights& w) {
  auto gates = input.add(hidden_product(s.h, w)).chunk(4, -1);
  auto c = at::sigmoid(gates[1]).mul(s.c).add(at::sigmoid(gates[0]).mul(at::tanh(gates[2])));
  return {at::sigmoid(gates[3]).mul(at::tanh(c)), c};
}
State gru_step(const Tensor& input, const State& s, const CellWeights& w) {
  auto in = input.chunk(3, -1), hidden = hidden_product(s.h, w).chunk(3, -1);
  auto r = at::sigmoid(in[0].add(hidden[0])), z = at::sigmoid(in[1].add(hidden[1]));
  auto n = at::tanh(in[2].add(r.mul(hidden[2])));
  return {n.add(z.mul(s.h.sub(n))), {}};
}

// Calls f(step, lend): one step from the product of its input, and whether it may have no finite
// derivative at 0.
template <class F>
SequenceOutput with_step(const RecurrentCall& call, const F& f) {
  const auto& w = call.w;
  auto rnn = [&](const Activation& activation, bool lend) {
    return f([&](const Tensor& input, const State& s) { return rnn_step(input, s, w, activation); },
             lend);
  };
  if (call.activation) return rnn(*call.activation, true);
  switch (call.cell) {
    case RecurrentCell::lstm:
      return f([&](const Tensor& input, const State& s) { return lstm_step(input, s, w); }, false);
    case RecurrentCell::gru:
      return f([&](const Tensor& input, const State& s) { return gru_step(input, s, w); }, false);
    case RecurrentCell::rnn_tanh:
      return rnn(tanh, false);
    case RecurrentCell::rnn_relu:
      break;
  }
  return rnn(relu, false);
}

template <class OneStep>
SequenceOutput all_steps(const RecurrentCall& call, const OneStep& step, bool lend) {
  const auto& options = call.options;
  int64_t time = options.time_first ? 0 : 1;
  Padding padding(options.lengths, call.x, time);
  auto inputs = input_product(padding.trimmed(call.x), call.w).unbind(time);
  std::vector<Tensor> ys(inputs.size());
  State s{call.h, call.c};
  Tensor spare_input, spare_h;
  if (lend && padding.batch() > 0) spare_input = at::ones_like(inputs[0].narrow(0, 0, 1));
  for (size_t i = 0; i < inputs.size(); ++i) {
    auto at = options.reverse ? inputs.size() - 1 - i : i;
    auto t = static_cast<int64_t>(at);
    auto next = lend ? step(padding.lent(t, inputs[at], spare_input),
                            State{padding.lent(t, s.h, spare_h), s.c})
                     : step(inputs[at], s);
    s = {padding.keep(t, next.h, s.h), next.c.defined() ? padding.keep(t, next.c, s.c) : next.c};
    ys[at] = s.h;
  }
  return {padding.padded(at::stack(ys, time)), s.h, s.c};
}

}  // namespace

SequenceOutput reference(const RecurrentCall& call) {
  return with_step(call, [&](const auto& step, bool lend) -> SequenceOutput {
    if (!call.step) return all_steps(call, step, lend);
    auto next = step(input_product(call.x, call.w), State{call.h, call.c});
    return {{}, std::move(next.h), std::move(next.c)};
  });
}

}  // namespace luxtorch::ops
