// A batch of a metric, checked: what all metrics read of y_hat, y and mask. Level 4.2.
#pragma once

#include <string>

#include "luxtorch/tree.h"

namespace luxtorch::metrics {

/// The scores with the classes last, (..., classes), without a graph; ShapeError unless they are
/// floating and fit y (...).
Tensor scores(const std::string& who, const Tensor& y_hat, const Tensor& y, int64_t dim);

/// What scores of NaN predict.
inline constexpr int64_t kNoPrediction = -1;

/// The predicted labels, int64 of y's shape, of any of the forms of y_hat in classes.h.
Tensor predictions(const std::string& who, const Tensor& y_hat, const Tensor& y, int64_t dim,
                   double threshold);

/// y as int64, where the mask lets it count: integers, booleans, or floating numbers that are whole. ShapeError: another
/// dtype. ArgumentError: another number.
Tensor whole_labels(const std::string& who, const Tensor& y, const Tensor& mask);

/// The elements of x under the mask, which has x's shape or is undefined, as one vector.
Tensor used(const std::string& who, const Tensor& x, const Tensor& mask);
/// The rows of x (..., classes) under the mask (...), as (n, classes).
Tensor used_rows(const std::string& who, const Tensor& x, const Tensor& mask);

/// ArgumentError unless all labels are in [0, classes).
void check_range(const std::string& who, const char* what, const Tensor& labels, int64_t classes);

/// state[key] + more, on the device of `more`.
Tree added(const Tree& state, const char* key, const Tensor& more);

}  // namespace luxtorch::metrics
