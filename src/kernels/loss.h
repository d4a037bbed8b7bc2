// Losses and their slopes in one pass over dense memory.
//
// Level 1, no torch. T is float or double. Sums are accumulated in double. `slope`, where it is not null, gets
// scale * d loss / d input, an element for each input.
#pragma once

#include <cstdint>

namespace luxtorch::kernels {

/// Sum over n elements of -t log(p + epsilon) - (1 - t) log(1 - p + epsilon), where t = (1 - smoothing) y + smoothing / 2
/// and 0 log(.) = 0.
template <class T>
double binary_cross_entropy(const T* p, const T* y, int64_t n, double epsilon, double smoothing,
                            double scale, T* slope);

/// Sum over rows of -sum_c t_c log softmax(x)_c, where t = (1 - smoothing) y + smoothing / classes.
/// x and y: (rows, classes).
template <class T>
double cross_entropy(const T* x, const T* y, int64_t rows, int64_t classes, double smoothing,
                     double scale, T* slope);

/// The same with labels, one in [0, classes) for each row, in place of y.
template <class T>
double cross_entropy(const T* x, const int64_t* labels, int64_t rows, int64_t classes,
                     double smoothing, double scale, T* slope);

}  // namespace luxtorch::kernels
