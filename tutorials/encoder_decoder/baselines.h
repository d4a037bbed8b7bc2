// Forecasts that need no training: what the network has to beat.
//
// Each takes the seen part of n series (n, seen) and gives the next `steps` values (n, steps).
#pragma once

#include <luxtorch/core/types.h>

#include <cstdint>

/// The last value goes on.
luxtorch::Tensor last_value(const luxtorch::Tensor& seen, int64_t steps);

/// The series repeats itself: of all lags from `steps` to half of what was seen, the one at which it
/// did so best, for each series by itself.
luxtorch::Tensor seasonal(const luxtorch::Tensor& seen, int64_t steps);

/// A linear autoregression of each series by itself: the weights of the last `order` values that
/// forecast the next one best (least squares), applied again and again. It is the right form for sums of
/// sines: without noise four values would do.
luxtorch::Tensor autoregression(const luxtorch::Tensor& seen, int64_t steps, int64_t order);
