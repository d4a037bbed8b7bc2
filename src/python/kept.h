// What a pass forward keeps for the one backward, as a tensor that a graph can carry.
#pragma once

#include "python/stack.h"

namespace luxtorch::python {

/// A tensor of one int64 whose storage owns the memory.
Tensor kept_as_tensor(StackMemory memory);

/// The memory of a tensor that kept_as_tensor made; nullptr for a copy of one, which has none.
const StackMemory* kept(const Tensor& t);

}  // namespace luxtorch::python
