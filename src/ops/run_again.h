// Gradients of fused operators that are part of a graph, or that a transform follows.
//
// Level 1.5.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "luxtorch/core/types.h"

namespace luxtorch::ops {

/// The gradients by the inputs that are needed; undefined by the others. run_again gives the outputs once more, of `inputs`
/// and in torch's operators. by_outputs: the gradients by them, undefined where there is none. They are part of a graph
/// themselves where one is recorded. Each needed input is replaced by an alias.
std::vector<Tensor> gradients_by_running_again(
    std::span<Tensor* const> inputs, const std::vector<bool>& needed,
    std::span<const Tensor> by_outputs, const std::function<std::vector<Tensor>()>& run_again);

}  // namespace luxtorch::ops
