// What the numbers of a tensor are like, in memory that does not grow with the tensor.
#pragma once

#include <cstdint>

#include "luxtorch/core/types.h"

/// Mean, standard deviation (of a sample, as torch.std and Julia's std), least and most of the finite
/// values, in float64; NaN where there are too few. Of complex numbers, of their magnitudes.
struct Summary {
  double mean, deviation, least, most;
  int64_t nan = 0, infinite = 0;
};
Summary summary(const luxtorch::Tensor& t);

/// The elements of a tensor; of float4, which torch holds in pairs, twice as many.
int64_t count_of_numbers(const luxtorch::Tensor& t);

/// How far two tensors of one shape are apart. NaN is equal to NaN; NaN or an infinity against
/// anything else is infinitely far. Integers are compared exactly. float4 has no distance from other
/// dtypes (they have other numbers of numbers).
struct Distance {
  double absolute = 0;   // max |a - b|
  double largest_b = 0;  // max |b|
  int64_t differing = 0;
  double relative() const;  // max |a - b| / max |b|
};
Distance distance(const luxtorch::Tensor& a, const luxtorch::Tensor& b);
