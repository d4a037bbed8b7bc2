// The learning rates of an optimizer's rules.
#pragma once

#include <functional>

#include "luxtorch/train/train_state.h"

namespace luxtorch::detail {

/// The optimizer with f of the learning rate of each of its rules. ArgumentError of `who`: no rule has one that adjust
/// may change, one follows a schedule, or they differ beside a user's own optimizer, which hides where they are.
Optimizer with_rates(const char* who, const Optimizer& optimizer,
                     const std::function<double(double)>& f);

/// The same of ts' optimizer.
void change_rates_(const char* who, TrainState& ts, const std::function<double(double)>& f);

}  // namespace luxtorch::detail
