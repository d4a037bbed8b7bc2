// The kernels of one sequence on tensors: what they are given, their memory, their threads. Knows
// nothing of gradients' graphs.
#pragma once

#include <array>

#include "luxtorch/kernels/recurrent.h"
#include "luxtorch/ops/recurrent.h"

namespace luxtorch::ops {

/// Contiguous but for x, whose rows are.
struct SequenceInputs {
  kernels::RecurrentCell cell;
  Tensor x, h, c;
  CellWeights w;
  SequenceOptions options;
};
SequenceInputs sequence_inputs(kernels::RecurrentCell cell, const Tensor& x, const Tensor& h,
                               const Tensor& c, const CellWeights& w,
                               const SequenceOptions& options);

/// saved is what run_backward needs, undefined if it was not to be kept; layout goes with it.
struct SequenceRun {
  SequenceOutput out;
  Tensor saved;
  kernels::RecurrentLayout layout;
};
SequenceRun run_forward(const SequenceInputs& in, bool keep);

/// By x, h, c, weight_ih, weight_hh, bias_ih, bias_hh.
using SequenceGradients = std::array<Tensor, 7>;
struct WantedGradients {
  bool x = false, h = false, c = false, weights = false;
};
/// by: the gradients by y, h and c, undefined where zero. Those that are not wanted are undefined.
SequenceGradients run_backward(const SequenceInputs& in, const Tensor& saved,
                               const kernels::RecurrentLayout& layout, const SequenceOutput& by,
                               const WantedGradients& wanted);

}  // namespace luxtorch::ops
