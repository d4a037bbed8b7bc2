// A batch in parts.
#pragma once

#include <vector>

#include "luxtorch/train/train_state.h"
#include "luxtorch/tree.h"

namespace luxtorch::detail {

struct MicroBatch {
  Tree batch;         // views of the whole one's rows
  double weight = 1;  // its share of the loss
};

/// options.micro_batches parts of a batch along dimension 0 of its tensors, as even as can be; fewer where there
/// are fewer rows, and none that options.weight calls 0 beside others. Leaves that are no tensors are the same in
/// all. They share a mean by options.weight, or by their rows; Combine::sum adds them. ArgumentError: tensors of
/// different numbers of rows, or none that has rows; a weight below 0 or not finite.
std::vector<MicroBatch> micro_batches(const Tree& batch, const TrainStateOptions& options,
                                      const char* who);

/// options.weight(batch). ArgumentError: below 0, or not finite.
double own_weight(const Tree& batch, const TrainStateOptions& options);

}  // namespace luxtorch::detail
