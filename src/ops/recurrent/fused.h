// A sequence, or one step, of a stock cell as one autograd node, with kernels of our own.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "ops/recurrent/call.h"

namespace luxtorch::ops {

/// For calls that kernels may read. Gradients of the first order come from the kernels, higher ones
/// from the reference.
SequenceOutput fused(const RecurrentCall& call);

/// The same where the call becomes part of a graph.
SequenceOutput fused_sequence(const RecurrentCall& call);
/// The steps of one sequence, each called with what the one before it returned, share a record: the
/// packed weights, and in every pass backward the sums of the weights' gradient. Only the first step of
/// a record is a parent of the weights in the graph, and hands these sums on: every other step of the
/// record lies between it and the loss, so it comes last.
SequenceOutput fused_step(const RecurrentCall& call);

/// Whether a call becomes part of a graph.
bool records_graph(const RecurrentCall& call);

/// Whether a pass backward must leave the kernels alone: gradients by y, h and c that record a graph or
/// that a transform wrapped.
bool needs_reference(const SequenceOutput& by);

/// Gradients by the inputs that are needed, of outputs that run_again makes of them once more; part of a
/// graph themselves where one is recorded. by: those by y, h and c.
std::vector<Tensor> gradients_with_graph(std::span<Tensor* const> inputs,
                                         const std::vector<bool>& needed, const SequenceOutput& by,
                                         const std::function<SequenceOutput()>& run_again);
/// Of a call by the reference, as differentiated() has them; of a step by.y is undefined.
std::vector<Tensor> gradients_with_graph(RecurrentCall call, const SequenceOutput& by);

}  // namespace luxtorch::ops
