// What a model in training costs, as a table.
//
//     std::cout << summary(ts, x);                      // with a training step
//     std::cout << summary(ts, x, {.step = true, .time = true});
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/layer_summary.h"
#include "luxtorch/train/train_state.h"

namespace luxtorch {

/// summary of the model with the parameters and states as they are now. The frozen parameters are those of
/// ts, and of the options. x: what the model takes, not a batch with its target. ts does not change; no
/// loss is computed and no optimizer runs. Errors as of summary of a model.
LUXTORCH_API Summary summary(const TrainState& ts, const Tree& x,
                             SummaryOptions options = {.step = true});

}  // namespace luxtorch
