// What the losses share: their checks, and the small terms of their formulas. Level 4.
#pragma once

#include <optional>

#include "luxtorch/losses/loss.h"

namespace luxtorch::detail {

/// Throws in the name of the loss `who` unless y_hat is floating and defined, has elements where
/// `agg` is a mean, and lies on y's device.
void check_output(const char* who, const Tensor& y_hat, const Tensor& y, const Agg& agg);
/// y without a graph and of y_hat's dtype; throws after check_output unless their shapes are one.
Tensor target(const char* who, const Tensor& y_hat, const Tensor& y, const Agg& agg);
void check_smoothing(const char* who, double smoothing);
/// (1 - smoothing) y + smoothing / classes.
Tensor smoothed(const Tensor& y, double smoothing, int64_t classes);
/// `epsilon`, or the dtype's machine epsilon.
double epsilon_for(const Tensor& y_hat, std::optional<double> epsilon);
/// torch's number for mean, sum or none; none for a function, which then sees the single losses.
int64_t reduction(const Agg& agg);
/// `losses` that torch has reduced by reduction(agg): the function's value where agg is one.
Tensor finish(const Agg& agg, Tensor losses);

}  // namespace luxtorch::detail
