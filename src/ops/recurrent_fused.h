// A sequence of a stock cell as one autograd node, with kernels of our own.
#pragma once

#include "ops/recurrent_run.h"

namespace luxtorch::ops {

/// For what choose_path() calls fused. Gradients of the first order come from the kernels, higher ones
/// from plain operators.
SequenceOutput fused_sequence(const RecurrentInput& in);

}  // namespace luxtorch::ops
