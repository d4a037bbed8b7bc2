// The kernels on the tensors of a call: what they are given, their memory, their threads. Knows nothing
// of gradients' graphs.
#pragma once

#include <array>

#include "ops/recurrent/call.h"

namespace luxtorch::ops {

/// The same, contiguous but for x, whose rows are, as all functions below want it.
RecurrentCall dense_call(const RecurrentCall& in);

/// Without a graph: the weights are packed for this call, or read as they lie where few rows take one
/// step.
SequenceOutput run_forward(const RecurrentCall& in);
/// Whether the weights would be read as they lie.
bool reads_unpacked_weights(const RecurrentCall& in);

/// The weights as forward reads them, and how calls of this shape are cut; for as many calls as one
/// likes, as long as weights and shapes stay.
struct PreparedForward {
  kernels::RecurrentLayout layout;
  Tensor packed;
};
PreparedForward prepare_forward(const RecurrentCall& in);

/// saved is what run_backward needs, undefined if it was not to be kept.
struct ForwardRun {
  SequenceOutput out;
  Tensor saved;
};
ForwardRun run_forward(const RecurrentCall& in, const PreparedForward& prepared, bool keep);

/// by_x: the gradient by x can be asked for.
Tensor prepare_backward(const RecurrentCall& in, const kernels::RecurrentLayout& layout, bool by_x);

/// Sums of the weights' gradient over any number of calls of run_backward, zero at first.
Tensor zero_sums(const RecurrentCall& in, const kernels::RecurrentLayout& layout);
/// Their end: by weight_ih, weight_hh, bias_ih, bias_hh, undefined where there is none.
std::array<Tensor, 4> weight_gradients(const RecurrentCall& in,
                                       const kernels::RecurrentLayout& layout, const Tensor& sums);

/// Which gradients, and what they come from: by are those by y, h and c, undefined where zero.
struct BackwardCall {
  const Tensor &saved, &packed;
  const SequenceOutput& by;
  bool x, h, c;
  const Tensor& sums;  // undefined: not by the weights
};
/// By x, h and c; undefined where not wanted.
std::array<Tensor, 3> run_backward(const RecurrentCall& in, const kernels::RecurrentLayout& layout,
                                   const BackwardCall& call);

}  // namespace luxtorch::ops
