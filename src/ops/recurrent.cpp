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

RecurrentCell rnn_with(const Activation& activation) {
  return activation == relu ? RecurrentCell::rnn_relu : RecurrentCell::rnn_tanh;
}
bool has_kernel(const Activation& activation) { return activation == tanh || activation == relu; }

}  // namespace

Tensor rnn_cell(const Tensor& x, const Tensor& h, const CellWeights& w,
                const Activation& activation) {
  const RecurrentInput in{
      .cell = rnn_with(activation), .x = x, .h = h, .c = {}, .w = w, .step = true};
  if (choose_path(in, has_kernel(activation)) == RecurrentPath::fused) return fused_step(in).h;
  return plain::rnn_cell(x, h, w, activation);
}

std::pair<Tensor, Tensor> lstm_cell(const Tensor& x, const Tensor& h, const Tensor& c,
                                    const CellWeights& w) {
  const RecurrentInput in{
      .cell = RecurrentCell::lstm, .x = x, .h = h, .c = c, .w = w, .step = true};
  switch (choose_path(in)) {
    case RecurrentPath::fused: {
      auto out = fused_step(in);
      return {std::move(out.h), std::move(out.c)};
    }
    case RecurrentPath::torch:
      break;
    default:
      return plain::lstm_cell(x, h, c, w);
  }
  auto [h2, c2] =
      at::lstm_cell(x, {h, c}, w.weight_ih, w.weight_hh, maybe(w.bias_ih), maybe(w.bias_hh));
  return {h2, c2};
}

Tensor gru_cell(const Tensor& x, const Tensor& h, const CellWeights& w) {
  const RecurrentInput in{
      .cell = RecurrentCell::gru, .x = x, .h = h, .c = {}, .w = w, .step = true};
  switch (choose_path(in)) {
    case RecurrentPath::fused:
      return fused_step(in).h;
    case RecurrentPath::torch:
      break;
    default:
      return plain::gru_cell(x, h, w);
  }
  return at::gru_cell(x, h, w.weight_ih, w.weight_hh, maybe(w.bias_ih), maybe(w.bias_hh));
}

SequenceOutput rnn_sequence(const Tensor& x, const Tensor& h, const CellWeights& w,
                            const Activation& activation, SequenceOptions options) {
  const RecurrentInput in{rnn_with(activation), x, h, {}, w, options};
  switch (choose_path(in, has_kernel(activation))) {
    case RecurrentPath::fused:
      return fused_sequence(in);
    case RecurrentPath::torch:
      break;
    default:
      return plain::rnn_sequence(x, h, w, activation, options);
  }
  auto run = [&](auto f) {
    return f(ordered(x, options), h.unsqueeze(0), flat(w), w.bias_ih.defined(), kLayers, kDropout,
             kTrain, kBidirectional, !options.time_first);
  };
  auto [y, hn] = activation == tanh ? run([](auto&&... a) { return at::rnn_tanh(a...); })
                                    : run([](auto&&... a) { return at::rnn_relu(a...); });
  return {ordered(y, options), hn.squeeze(0), {}};
}

SequenceOutput lstm_sequence(const Tensor& x, const Tensor& h, const Tensor& c,
                             const CellWeights& w, SequenceOptions options) {
  const RecurrentInput in{RecurrentCell::lstm, x, h, c, w, options};
  switch (choose_path(in)) {
    case RecurrentPath::fused:
      return fused_sequence(in);
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
  const RecurrentInput in{RecurrentCell::gru, x, h, {}, w, options};
  switch (choose_path(in)) {
    case RecurrentPath::fused:
      return fused_sequence(in);
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
