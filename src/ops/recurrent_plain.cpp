#include "ops/recurrent_plain.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tanh.h>

#include <optional>
#include <vector>

#include "ops/padding.h"

namespace luxtorch::ops::plain {

namespace {

struct State {
  Tensor h, c;
};

std::optional<Tensor> maybe(const Tensor& t) {
  return t.defined() ? std::optional(t) : std::nullopt;
}

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

// lend: the step may have no finite derivative at 0.
template <class OneStep>
SequenceOutput run(const Tensor& x, State s, const CellWeights& w, const SequenceOptions& options,
                   const OneStep& step, bool lend = false) {
  int64_t time = options.time_first ? 0 : 1;
  Padding padding(options.lengths, x, time);
  auto inputs = input_product(padding.trimmed(x), w).unbind(time);
  std::vector<Tensor> ys(inputs.size());
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

Tensor rnn_cell(const Tensor& x, const Tensor& h, const CellWeights& w,
                const Activation& activation) {
  return rnn_step(input_product(x, w), {h, {}}, w, activation).h;
}
std::pair<Tensor, Tensor> lstm_cell(const Tensor& x, const Tensor& h, const Tensor& c,
                                    const CellWeights& w) {
  auto next = lstm_step(input_product(x, w), {h, c}, w);
  return {next.h, next.c};
}
Tensor gru_cell(const Tensor& x, const Tensor& h, const CellWeights& w) {
  return gru_step(input_product(x, w), {h, {}}, w).h;
}

SequenceOutput rnn_sequence(const Tensor& x, const Tensor& h, const CellWeights& w,
                            const Activation& activation, const SequenceOptions& options) {
  auto step = [&](const Tensor& input, const State& s) {
    return rnn_step(input, s, w, activation);
  };
  const bool smooth_at_0 = activation == luxtorch::tanh || activation == luxtorch::relu;
  return run(x, {h, {}}, w, options, step, /*lend=*/!smooth_at_0);
}
SequenceOutput lstm_sequence(const Tensor& x, const Tensor& h, const Tensor& c,
                             const CellWeights& w, const SequenceOptions& options) {
  return run(x, {h, c}, w, options,
             [&](const Tensor& input, const State& s) { return lstm_step(input, s, w); });
}
SequenceOutput gru_sequence(const Tensor& x, const Tensor& h, const CellWeights& w,
                            const SequenceOptions& options) {
  return run(x, {h, {}}, w, options,
             [&](const Tensor& input, const State& s) { return gru_step(input, s, w); });
}

}  // namespace luxtorch::ops::plain
