// A batch in parts.
#pragma once

#include <cstdint>
#include <vector>

#include "luxtorch/tree.h"

namespace luxtorch::detail {

struct MicroBatch {
  Tree batch;         // views of the whole one's rows
  double weight = 1;  // its share of the rows
};

/// `count` parts of a batch along dimension 0 of its tensors, as even as can be; fewer where there are
/// fewer rows. Leaves that are no tensors are the same in all. ArgumentError: tensors of different
/// numbers of rows, or none that has rows.
std::vector<MicroBatch> micro_batches(const Tree& batch, int64_t count, const char* who);

}  // namespace luxtorch::detail
