// Gradients of a graph whose nodes follow each other one by one, without torch's engine.
#pragma once

#include <optional>
#include <vector>

#include "luxtorch/core/types.h"

namespace luxtorch::detail {

/// The gradients of value, a scalar, by `inputs`, leaves that record; undefined where it does not depend on one.
/// nullopt where the graph is not one chain of nodes on the CPU between value and these inputs, where somebody
/// watches it (a hook, torch's anomaly mode), and inside of a backward pass: then the engine is asked. As there, each
/// node lets go of what it saved.
///
/// The engine takes some 25 us to start and end, and 2 us for each node, as long as all kernels of a small model.
std::optional<std::vector<Tensor>> gradients_of_chain(const Tensor& value,
                                                      const std::vector<Tensor>& inputs);

}  // namespace luxtorch::detail
