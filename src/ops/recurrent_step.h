// One step of a stock cell as one autograd node, with kernels of our own.
//
// The steps of one sequence, each called with what the one before it returned, share a record: the
// packed weights, and in every pass backward the sums of the weights' gradient. Only the first step of
// a record is a parent of the weights in the graph, and hands these sums on: every other step of the
// record lies between it and the loss, so it comes last.
#pragma once

#include "ops/recurrent_run.h"

namespace luxtorch::ops {

/// For what choose_path() calls fused. Gradients of the first order come from the kernels, higher ones
/// from plain operators.
SequenceOutput fused_step(const RecurrentInput& in);

}  // namespace luxtorch::ops
