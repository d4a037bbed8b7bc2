// The recurrent operators as plain loops of differentiable torch operators.
//
// Level 1: what the operators of luxtorch/ops/recurrent.h fall back on, with the same arguments and
// results. Slower than the others, but for every case: any floating dtype and device, lengths,
// tokens, no rows; gradients of any order, forward-mode derivatives, vmap.
#pragma once

#include <utility>

#include "luxtorch/ops/recurrent.h"

namespace luxtorch::ops::plain {

Tensor rnn_cell(const Tensor& x, const Tensor& h, const CellWeights& w,
                const Activation& activation);
std::pair<Tensor, Tensor> lstm_cell(const Tensor& x, const Tensor& h, const Tensor& c,
                                    const CellWeights& w);
Tensor gru_cell(const Tensor& x, const Tensor& h, const CellWeights& w);

SequenceOutput rnn_sequence(const Tensor& x, const Tensor& h, const CellWeights& w,
                            const Activation& activation, const SequenceOptions& options);
SequenceOutput lstm_sequence(const Tensor& x, const Tensor& h, const Tensor& c,
                             const CellWeights& w, const SequenceOptions& options);
SequenceOutput gru_sequence(const Tensor& x, const Tensor& h, const CellWeights& w,
                            const SequenceOptions& options);

}  // namespace luxtorch::ops::plain
