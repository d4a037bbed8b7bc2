// A sequence of a stock cell as one autograd node, with kernels of our own.
#pragma once

#include "luxtorch/kernels/recurrent.h"
#include "luxtorch/ops/recurrent.h"

namespace luxtorch::ops {

/// For what choose_path() calls fused; c is undefined for cells without a memory. Gradients of the
/// first order come from the kernels, higher ones from plain operators.
SequenceOutput fused_sequence(kernels::RecurrentCell cell, const Tensor& x, const Tensor& h,
                              const Tensor& c, const CellWeights& w,
                              const SequenceOptions& options);

}  // namespace luxtorch::ops
