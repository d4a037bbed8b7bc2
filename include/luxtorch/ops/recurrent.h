// Recurrent cells and sequences on tensors: one step, or a whole sequence in one call.
// Differentiable, any number of times.
//
//     auto [h1, c1] = ops::lstm_cell(x, h0, c0, weights);                // one step
//     auto out = ops::lstm_sequence(xs, h0, c0, weights, {});            // all steps
//
// Level 1: what the layers of layers/recurrent.h call. Shapes: x (batch, in), h and c (batch, out),
// sequences (batch, time, in), or (time, batch, in) with time_first; or tokens, int64 (batch) and
// (batch, time), each below in: a row of weight_ih instead of a product with a one-hot vector. Gates are stacked along weight
// rows as torch and Lux do: i, f, g, o for the LSTM, r, z, n for the GRU. Equations:
// torch.nn.LSTMCell, GRUCell, RNNCell.
#pragma once

#include <utility>

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"
#include "luxtorch/ops/activation.h"

namespace luxtorch::ops {

/// weight_ih (gates*out, in), weight_hh (gates*out, out), biases (gates*out) or both undefined.
struct CellWeights {
  Tensor weight_ih, weight_hh, bias_ih, bias_hh;
};

struct SequenceOptions {
  bool time_first = false;
  bool reverse = false;  // from the last step to the first; y stays in x's order
  /// int64 (batch) on the CPU, each 0 to time; undefined: all steps. A row's carry freezes after
  /// its length, its y is zero from there, reverse begins at its own last step, and what x holds
  /// beyond is never looked at.
  Tensor lengths = {};
  bool sequence = true;  // false: y is not needed, and may be left undefined
};

/// y: every step's output, (batch, time, out) or (time, batch, out); h, c: after the last step that
/// was run, (batch, out); c is undefined for cells without a memory.
struct SequenceOutput {
  Tensor y, h, c;
};

/// h' = activation(W_ih x + b_ih + W_hh h + b_hh)
LUXTORCH_API Tensor rnn_cell(const Tensor& x, const Tensor& h, const CellWeights& w,
                             const Activation& activation);
/// c' = sigmoid(f) c + sigmoid(i) tanh(g); h' = sigmoid(o) tanh(c')
LUXTORCH_API std::pair<Tensor, Tensor> lstm_cell(const Tensor& x, const Tensor& h, const Tensor& c,
                                                 const CellWeights& w);
/// n = tanh(W_in x + b_in + r (W_hn h + b_hn)); h' = (1 - z) n + z h: the reset gate after the
/// product, as cuDNN
LUXTORCH_API Tensor gru_cell(const Tensor& x, const Tensor& h, const CellWeights& w);

LUXTORCH_API SequenceOutput rnn_sequence(const Tensor& x, const Tensor& h, const CellWeights& w,
                                         const Activation& activation, SequenceOptions options);
LUXTORCH_API SequenceOutput lstm_sequence(const Tensor& x, const Tensor& h, const Tensor& c,
                                          const CellWeights& w, SequenceOptions options);
LUXTORCH_API SequenceOutput gru_sequence(const Tensor& x, const Tensor& h, const CellWeights& w,
                                         SequenceOptions options);

}  // namespace luxtorch::ops
