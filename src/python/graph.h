// Gradients of gradients: the call once more, in torch's own operators.
#pragma once

#include "python/stack.h"

namespace luxtorch::python {

/// As backward; part of a graph themselves where one is recorded.
std::vector<Tensor> backward_with_graph(StackCall call, const StackOutput& by,
                                        const std::vector<bool>& needed);

}  // namespace luxtorch::python
