// Memory that a training step needs again in its next round.
#pragma once

#include <c10/core/ScalarType.h>

#include "luxtorch/core/types.h"

namespace luxtorch::ops {

/// An uninitialised CPU tensor (elements), aligned to cache lines. When its last owner lets go, its
/// memory is kept for the next one of about that size: fresh memory from the system costs a page fault
/// for each 4 KiB, as much as a small sequence's whole forward. At most 64 MiB are kept by the process;
/// larger tensors go back at once. From any thread.
Tensor recycled_memory(int64_t elements, Dtype dtype);

/// at::empty on the CPU without the way through torch's dispatcher.
Tensor uninitialized(Shape shape, Dtype dtype);

}  // namespace luxtorch::ops
