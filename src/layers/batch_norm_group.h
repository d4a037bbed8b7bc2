// Batch norm by the statistics of a batch that lies on several processes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "luxtorch/core/types.h"
#include "luxtorch/group.h"

namespace luxtorch {

/// The dimensions that a channel's values lie along: all of x but dimension 1.
std::vector<int64_t> all_but_channels(const Tensor& x);

/// A part of a batch, normalized by all of it, and the statistics of the batch.
struct NormalizedTogether {
  Tensor y;     ///< As x.
  Tensor mean;  ///< (channels), a constant.
  Tensor var;   ///< (channels), a constant: the unbiased variance.
};

/// y = (x - mean) / sqrt(var + epsilon) * scale + bias, mean and (biased) var over the x of all processes. x: this process'
/// rows, of which there may be none, (rows, channels, ...) of float32 or float64; scale and bias: (channels) of x's dtype.
/// Two calls of the group: one here, and, where x is differentiated, one as the gradient is computed. ShapeError on all
/// processes: no more than one value per channel on all of them together. UnsupportedError: under a transform; gradients
/// that record a graph.
NormalizedTogether normalize_together(const Group& group, const Tensor& x,
                                      const std::optional<Tensor>& scale,
                                      const std::optional<Tensor>& bias, double epsilon);

}  // namespace luxtorch
