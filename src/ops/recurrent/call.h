// A call of a recurrent operator: what travels from layers to the reference, the fused operators, their
// nodes and the kernels.
//
//     RecurrentCall call{.cell = RecurrentCell::lstm, .x = x, .h = h, .c = c, .w = weights};
//     SequenceOutput out = run(call);      // by the backend that the call allows
//     out = reference(call);               // or by one of them
//     out = fused(call);
//
// Level 1.
#pragma once

#include <array>
#include <optional>

#include "kernels/recurrent.h"
#include "luxtorch/ops/recurrent.h"

namespace luxtorch::ops {

using kernels::RecurrentCell;

struct RecurrentCall {
  RecurrentCell cell = RecurrentCell::lstm;
  Tensor x, h = {}, c = {};  // c is undefined for cells without a memory
  CellWeights w = {};
  SequenceOptions options = {};
  bool step = false;                          // x is one step, without a dimension of time
  std::optional<Activation> activation = {};  // of an RNN whose activation has no kernel

  /// Makes an RNN's call one of this activation.
  void set_activation(const Activation& f) {
    cell = f == relu ? RecurrentCell::rnn_relu : RecurrentCell::rnn_tanh;
    if (f != relu && f != tanh) activation = f;
  }
};

/// What a call is differentiated by: x, h, c, weight_ih, weight_hh, bias_ih, bias_hh.
template <class Call>
auto differentiated(Call& call) {
  auto& w = call.w;
  return std::array{&call.x, &call.h, &call.c, &w.weight_ih, &w.weight_hh, &w.bias_ih, &w.bias_hh};
}

/// As torch's operators take a tensor that there may not be.
inline std::optional<Tensor> maybe(const Tensor& t) {
  return t.defined() ? std::optional(t) : std::nullopt;
}

/// By the kernels where they may and are worth it, else by at::lstm and the like on CUDA, else by the
/// reference; last_backend() tells. Where shapes do not fit together, torch's operators say what is wrong.
/// Of a step y is undefined.
SequenceOutput run(const RecurrentCall& call);

}  // namespace luxtorch::ops
