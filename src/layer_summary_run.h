// One run of a model for a summary: forward alone, or as in a training step.
//
// Level 2.
#pragma once

#include <functional>

#include "layer_summary_watch.h"
#include "luxtorch/tree.h"

namespace luxtorch::detail {

using ModelRun = std::function<Tree(const Tree& ps, const Tree& st)>;
using IsTrained = std::function<bool(const Tensor& parameter)>;

/// When a run's passes began and ended.
struct RunTimes {
  Clock::time_point start, forward_end;
  Clock::time_point backward_start, end;  // alike where there is no pass backward

  /// Of both passes.
  double seconds() const;
};

/// In test mode, without a graph.
RunTimes run_forward(const ModelRun& run, const Tree& ps, const Tree& st);

/// In training mode, and backward from the sum of the floating outputs. `between` is called before the
/// pass backward, when the output and the new states are gone.
RunTimes run_step(const ModelRun& run, const Tree& ps, const Tree& st, const IsTrained& is_trained,
                  const std::function<void()>& between);

}  // namespace luxtorch::detail
