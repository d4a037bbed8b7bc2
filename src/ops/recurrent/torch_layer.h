// A cell's layer in torch's own operators.
#pragma once

#include <ATen/ops/gru.h>
#include <ATen/ops/lstm.h>
#include <ATen/ops/rnn_relu.h>
#include <ATen/ops/rnn_tanh.h>

#include "ops/recurrent/call.h"

namespace luxtorch::ops {

// The caller's arguments to these operators that are always the same.
constexpr int64_t kOneLayer = 1;
constexpr double kNoDropout = 0;
constexpr bool kTrain = true;  // keeps what backward needs

/// apply(f, states): calls f, at::lstm or the like, with these states, and with the caller's x, weights and
/// the rest. states: h, and c of a cell with a memory.
template <class Apply>
SequenceOutput torch_layer(RecurrentCell cell, at::TensorList states, const Apply& apply) {
  auto one_state = [&](auto f) {
    auto [y, h] = apply(f, states[0]);
    return SequenceOutput{y, h, {}};
  };
  switch (cell) {
    case RecurrentCell::lstm: {
      auto [y, h, c] = apply([](auto&&... a) { return at::lstm(a...); }, states);
      return {y, h, c};
    }
    case RecurrentCell::gru:
      return one_state([](auto&&... a) { return at::gru(a...); });
    case RecurrentCell::rnn_tanh:
      return one_state([](auto&&... a) { return at::rnn_tanh(a...); });
    case RecurrentCell::rnn_relu:
      break;
  }
  return one_state([](auto&&... a) { return at::rnn_relu(a...); });
}

}  // namespace luxtorch::ops
