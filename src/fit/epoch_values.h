// The metrics of an epoch, as files of a run have them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "luxtorch/fit/event.h"

namespace luxtorch::detail {

/// What Event::metrics has of the last whole epoch.
struct EpochValues {
  std::vector<std::pair<std::string, double>> numbers;  ///< 0-dim: "loss", "validation_loss", ...
  /// Those with dimensions: float64, contiguous, on the CPU.
  std::vector<std::pair<std::string, Tensor>> arrays;
};
EpochValues epoch_values(const Event& event);

/// The fewest digits that read back as the same double; "NaN", "Infinity", "-Infinity".
std::string exact_text(double x);

}  // namespace luxtorch::detail
