// Recurrent cells and sequences on tensors: one step, or a whole sequence in one call.
// Differentiable, any number of times.
//
//     auto [h1, c1] = ops::lstm_cell(x, h0, c0, weights);                // one step
//     auto out = ops::lstm_sequence(xs, h0, c0, weights, {});            // all steps
//
// The layers of layers/recurrent.h call these. Shapes: x (batch, in), h and c (batch, out),
// sequences (batch, time, in), or (time, batch, in) with time_first. x may also be tokens, int64
// (batch) and (batch, time), each 0 to in - 1, with the same result as their one-hot vectors. Gates
// are stacked along the rows of the weights as in torch and Lux: i, f, g, o for the LSTM, r, z, n
// for the GRU. Equations: torch.nn.LSTMCell, GRUCell, RNNCell. Shapes and dtypes that do not fit
// together are errors of torch; the layers check them first.
#pragma once

#include <utility>

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"
#include "luxtorch/ops/activation.h"

namespace luxtorch::ops {

/// The parameters of a cell of 1 (RNN), 4 (LSTM) or 3 (GRU) gates.
struct CellWeights {
  Tensor weight_ih,  ///< (gates*out, in)
      weight_hh,     ///< (gates*out, out)
      bias_ih,       ///< (gates*out), or undefined
      bias_hh;       ///< (gates*out); undefined if bias_ih is
};

/// How a sequence is run.
struct SequenceOptions {
  bool time_first = false;  ///< x and y are (time, batch, ...) instead of (batch, time, ...).
  bool reverse = false;     ///< From the last step to the first; y stays in x's order.
  /// int64 (batch) on the CPU, each 0 to time; undefined: all rows have all steps. After a row's
  /// length its h and c stay as they are and its y is zero; reverse begins at its own last step.
  /// What x holds beyond the length is never read.
  Tensor lengths = {};
  bool sequence = true;  ///< False: y is not needed and may be left undefined.
};

/// The result of a sequence.
struct SequenceOutput {
  Tensor y,  ///< The output of every step, (batch, time, out) or (time, batch, out).
      h,     ///< After the last step that was run, (batch, out).
      c;     ///< Likewise; undefined for the RNN and the GRU.
};

/// One step of the RNN: h' = activation(W_ih x + b_ih + W_hh h + b_hh).
LUXTORCH_API Tensor rnn_cell(const Tensor& x, const Tensor& h, const CellWeights& w,
                             const Activation& activation);
/// One step of the LSTM, (h', c'): i, f, g, o = W_ih x + b_ih + W_hh h + b_hh; c' = sigmoid(f) c +
/// sigmoid(i) tanh(g); h' = sigmoid(o) tanh(c').
LUXTORCH_API std::pair<Tensor, Tensor> lstm_cell(const Tensor& x, const Tensor& h, const Tensor& c,
                                                 const CellWeights& w);
/// One step of the GRU: r, z = sigmoid(W_i x + b_i + W_h h + b_h); n = tanh(W_in x + b_in + r (W_hn
/// h + b_hn)); h' = (1 - z) n + z h. The reset gate is after the product, as in cuDNN.
LUXTORCH_API Tensor gru_cell(const Tensor& x, const Tensor& h, const CellWeights& w);

/// rnn_cell over all steps of x, from h.
LUXTORCH_API SequenceOutput rnn_sequence(const Tensor& x, const Tensor& h, const CellWeights& w,
                                         const Activation& activation, SequenceOptions options);
/// lstm_cell over all steps of x, from h and c.
LUXTORCH_API SequenceOutput lstm_sequence(const Tensor& x, const Tensor& h, const Tensor& c,
                                          const CellWeights& w, SequenceOptions options);
/// gru_cell over all steps of x, from h.
LUXTORCH_API SequenceOutput gru_sequence(const Tensor& x, const Tensor& h, const CellWeights& w,
                                         SequenceOptions options);

}  // namespace luxtorch::ops
