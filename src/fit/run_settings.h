// What a user gives a log: settings of a run.
#pragma once

#include <cstdint>

#include "luxtorch/train/train_state.h"
#include "luxtorch/tree.h"

namespace luxtorch::detail {

/// Throws an ArgumentError, in the name of `who`, unless it is a named tree whose leaves are numbers, strings and bools.
void check_settings(const char* who, const Tree& settings);

/// What the optimizer's rules are set to, for a log: {"Adam": {"lr": 0.02, "beta1": 0.9, "beta2": 0.999, ...}}. A second
/// rule of a name is "Adam_2". Without what follows a schedule, and without users' own optimizers.
Tree hyperparameters_of(const Optimizer& optimizer);

/// The number of elements of all parameters; what is one parameter at several places counts once.
int64_t count_parameters(const TrainState& ts);

}  // namespace luxtorch::detail
