// States of a checkpoint, which are on the CPU, at a TrainState.
#pragma once

#include "luxtorch/train/train_state.h"

namespace luxtorch::detail {

/// The saved states, each tensor on the device of that at its place in ts, else on that of the parameters.
Tree on_devices_of(const TrainState& ts, const Tree& saved);

}  // namespace luxtorch::detail
