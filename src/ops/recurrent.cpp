#include "luxtorch/ops/recurrent.h"

#include <ATen/ops/gru.h>
#include <ATen/ops/gru_cell.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/lstm.h>
#include <ATen/ops/lstm_cell.h>
#include <ATen/ops/rnn_relu.h>
#include <ATen/ops/rnn_tanh.h>
#include <ATen/ops/stack.h>

#include <vector>

namespace luxtorch::ops {

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

}  // namespace

Tensor rnn_cell(const Tensor& x, const Tensor& h, const CellWeights& w,
                const Activation& activation) {
  return activation(at::linear(x, w.weight_ih, maybe(w.bias_ih))
                        .add(at::linear(h, w.weight_hh, maybe(w.bias_hh))));
}

std::pair<Tensor, Tensor> lstm_cell(const Tensor& x, const Tensor& h, const Tensor& c,
                                    const CellWeights& w) {
  auto [h2, c2] =
      at::lstm_cell(x, {h, c}, w.weight_ih, w.weight_hh, maybe(w.bias_ih), maybe(w.bias_hh));
  return {h2, c2};
}

Tensor gru_cell(const Tensor& x, const Tensor& h, const CellWeights& w) {
  return at::gru_cell(x, h, w.weight_ih, w.weight_hh, maybe(w.bias_ih), maybe(w.bias_hh));
}

SequenceOutput rnn_sequence(const Tensor& x, const Tensor& h, const CellWeights& w,
                            const Activation& activation, SequenceOptions options) {
  bool biases = w.bias_ih.defined();
  if (activation == tanh || activation == relu) {
    auto run = [&](auto f) {
      return f(x, h.unsqueeze(0), flat(w), biases, kLayers, kDropout, kTrain, kBidirectional,
               !options.time_first);
    };
    auto [y, hn] = activation == tanh ? run([](auto&&... a) { return at::rnn_tanh(a...); })
                                      : run([](auto&&... a) { return at::rnn_relu(a...); });
    return {y, hn.squeeze(0), {}};
  }
  int64_t time = options.time_first ? 0 : 1;
  std::vector<Tensor> ys;
  Tensor state = h;
  for (const auto& step : x.unbind(time))
    ys.push_back(state = rnn_cell(step, state, w, activation));
  return {at::stack(ys, time), state, {}};
}

SequenceOutput lstm_sequence(const Tensor& x, const Tensor& h, const Tensor& c,
                             const CellWeights& w, SequenceOptions options) {
  auto [y, hn, cn] = at::lstm(x, {h.unsqueeze(0), c.unsqueeze(0)}, flat(w), w.bias_ih.defined(),
                              kLayers, kDropout, kTrain, kBidirectional, !options.time_first);
  return {y, hn.squeeze(0), cn.squeeze(0)};
}

SequenceOutput gru_sequence(const Tensor& x, const Tensor& h, const CellWeights& w,
                            SequenceOptions options) {
  auto [y, hn] = at::gru(x, h.unsqueeze(0), flat(w), w.bias_ih.defined(), kLayers, kDropout, kTrain,
                         kBidirectional, !options.time_first);
  return {y, hn.squeeze(0), {}};
}

}  // namespace luxtorch::ops
