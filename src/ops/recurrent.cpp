#include "luxtorch/ops/recurrent.h"

#include <ATen/ops/flip.h>
#include <ATen/ops/gru.h>
#include <ATen/ops/gru_cell.h>
#include <ATen/ops/lstm.h>
#include <ATen/ops/lstm_cell.h>
#include <ATen/ops/rnn_relu.h>
#include <ATen/ops/rnn_tanh.h>

#include <optional>
#include <vector>

#include "ops/recurrent_choice.h"
#include "ops/recurrent_fused.h"
#include "ops/recurrent_plain.h"
#include "ops/recurrent_step.h"

namespace luxtorch::ops {

using kernels::RecurrentCell;

namespace {

std::optional<Tensor> maybe(const Tensor& t) {
  return t.defined() ? std::optional(t) : std::nullopt;
}

std::vector<Tensor> flat(const CellWeights& w) {
  if (!w.bias_ih.defined()) return {w.weight_ih, w.weight_hh};
  return {w.weight_ih, w.weight_hh, w.bias_ih, w.bias_hh};
}

// torch's layer functions want states as (layers, batch, out) and take a list of every layer's
// weights; this is one layer.
constexpr int64_t kLayers = 1;
constexpr double kDropout = 0;
constexpr bool kTrain = true;  // keeps what backward needs
constexpr bool kBidirectional = false;

Tensor ordered(const Tensor& x, const SequenceOptions& options) {
  return options.reverse ? at::flip(x, {options.time_first ? 0 : 1}) : x;
}

// One way of two to take a step: the kernels, or what choose_path() says instead.
bool takes_fused_step(const RecurrentInput& in, int64_t gates) {
  if (choose_path({in.x, in.h, in.c, in.w, nullptr}, gates) != RecurrentPath::fused) return false;
  if (step_is_fused(in)) return true;
  const bool torch_knows =
      in.x.is_floating_point() && (in.cell == RecurrentCell::lstm || in.cell == RecurrentCell::gru);
  choose_other_path(torch_knows ? RecurrentPath::torch : RecurrentPath::plain,
                    "one step without a graph is not worth the packing of its weights");
  return false;
}

}  // namespace

Tensor rnn_cell(const Tensor& x, const Tensor& h, const CellWeights& w,
                const Activation& activation) {
  const bool is_tanh = activation == tanh;
  const RecurrentInput in{
      is_tanh ? RecurrentCell::rnn_tanh : RecurrentCell::rnn_relu, x, h, {}, w, {}};
  if (takes_fused_step(in, is_tanh || activation == relu ? 1 : 0)) return fused_step(in).h;
  return plain::rnn_cell(x, h, w, activation);
}

std::pair<Tensor, Tensor> lstm_cell(const Tensor& x, const Tensor& h, const Tensor& c,
                                    const CellWeights& w) {
  const RecurrentInput in{RecurrentCell::lstm, x, h, c, w, {}};
  if (takes_fused_step(in, 4)) {
    auto out = fused_step(in);
    return {std::move(out.h), std::move(out.c)};
  }
  if (last_recurrent_run().path != RecurrentPath::torch) return plain::lstm_cell(x, h, c, w);
  auto [h2, c2] =
      at::lstm_cell(x, {h, c}, w.weight_ih, w.weight_hh, maybe(w.bias_ih), maybe(w.bias_hh));
  return {h2, c2};
}

Tensor gru_cell(const Tensor& x, const Tensor& h, const CellWeights& w) {
  const RecurrentInput in{RecurrentCell::gru, x, h, {}, w, {}};
  if (takes_fused_step(in, 3)) return fused_step(in).h;
  if (last_recurrent_run().path != RecurrentPath::torch) return plain::gru_cell(x, h, w);
  return at::gru_cell(x, h, w.weight_ih, w.weight_hh, maybe(w.bias_ih), maybe(w.bias_hh));
}

SequenceOutput rnn_sequence(const Tensor& x, const Tensor& h, const CellWeights& w,
                            const Activation& activation, SequenceOptions options) {
  const bool is_tanh = activation == tanh;
  switch (choose_path({x, h, {}, w, &options}, is_tanh || activation == relu ? 1 : 0)) {
    case RecurrentPath::fused:
      return fused_sequence(is_tanh ? RecurrentCell::rnn_tanh : RecurrentCell::rnn_relu, x, h, {},
                            w, options);
    case RecurrentPath::torch:
      break;
    default:
      return plain::rnn_sequence(x, h, w, activation, options);
  }
  auto run = [&](auto f) {
    return f(ordered(x, options), h.unsqueeze(0), flat(w), w.bias_ih.defined(), kLayers, kDropout,
             kTrain, kBidirectional, !options.time_first);
  };
  auto [y, hn] = is_tanh ? run([](auto&&... a) { return at::rnn_tanh(a...); })
                         : run([](auto&&... a) { return at::rnn_relu(a...); });
  return {ordered(y, options), hn.squeeze(0), {}};
}

SequenceOutput lstm_sequence(const Tensor& x, const Tensor& h, const Tensor& c,
                             const CellWeights& w, SequenceOptions options) {
  switch (choose_path({x, h, c, w, &options}, 4)) {
    case RecurrentPath::fused:
      return fused_sequence(RecurrentCell::lstm, x, h, c, w, options);
    case RecurrentPath::torch:
      break;
    default:
      return plain::lstm_sequence(x, h, c, w, options);
  }
  auto [y, hn, cn] =
      at::lstm(ordered(x, options), {h.unsqueeze(0), c.unsqueeze(0)}, flat(w), w.bias_ih.defined(),
               kLayers, kDropout, kTrain, kBidirectional, !options.time_first);
  return {ordered(y, options), hn.squeeze(0), cn.squeeze(0)};
}

SequenceOutput gru_sequence(const Tensor& x, const Tensor& h, const CellWeights& w,
                            SequenceOptions options) {
  switch (choose_path({x, h, {}, w, &options}, 3)) {
    case RecurrentPath::fused:
      return fused_sequence(RecurrentCell::gru, x, h, {}, w, options);
    case RecurrentPath::torch:
      break;
    default:
      return plain::gru_sequence(x, h, w, options);
  }
  auto [y, hn] = at::gru(ordered(x, options), h.unsqueeze(0), flat(w), w.bias_ih.defined(), kLayers,
                         kDropout, kTrain, kBidirectional, !options.time_first);
  return {ordered(y, options), hn.squeeze(0), {}};
}

}  // namespace luxtorch::ops
