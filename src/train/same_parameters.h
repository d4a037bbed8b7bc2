// Do all processes train the same numbers?
#pragma once

#include "luxtorch/group.h"
#include "optim/flat_parameters.h"

namespace luxtorch::detail {

/// ArgumentError of `who` on all processes where a parameter has other bits on one of them than on rank 0. step: how
/// many were made.
void check_same_parameters(const Group& group, const FlatParameters& flat, const char* who,
                           int64_t step);

}  // namespace luxtorch::detail
