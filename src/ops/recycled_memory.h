// Memory that a training step needs again in its next round.
#pragma once

#include <c10/core/ScalarType.h>

#include "luxtorch/core/types.h"

namespace luxtorch::ops {

/// An uninitialised CPU tensor, aligned to cache lines. When its last owner lets go, its memory is kept
/// for the next one of about that size: fresh memory from the system costs a page fault for each
/// 4 KiB, as much as a small sequence's whole forward. The process keeps at most 64 MiB; what is beyond
/// goes back at once. From any thread.
Tensor recycled(ShapeView shape, Dtype dtype);

}  // namespace luxtorch::ops
