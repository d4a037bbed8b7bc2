// What the nodes of fused sequences and of fused steps have in common.
#pragma once

#include <array>

#include "ops/recurrent_run.h"

namespace luxtorch::ops {

inline bool has_memory(kernels::RecurrentCell cell) { return cell == kernels::RecurrentCell::lstm; }

/// Whether a call becomes part of a graph.
bool records_graph(const RecurrentInput& in);

/// By x, h, c, weight_ih, weight_hh, bias_ih, bias_hh.
using RecurrentGradients = std::array<Tensor, 7>;

/// Whether a pass backward must leave the kernels alone: gradients by y, h and c that record a graph or that a transform
/// wrapped.
bool needs_plain_operators(const SequenceOutput& by);

/// Gradients by the call once more, in plain operators; part of a graph themselves where one is recorded. by: those by
/// y, h and c; of a step y is undefined.
RecurrentGradients gradients_with_graph(RecurrentInput in, const SequenceOutput& by);

}  // namespace luxtorch::ops
