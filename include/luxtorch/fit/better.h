// Better: which values of a metric a run of fit looks for.
#pragma once

namespace luxtorch {

/// Which values of a metric are better (Keras' mode, torch's "min" and "max"). NaN is never better.
enum class Better {
  lower,  ///< Of a loss.
  higher  ///< Of an accuracy.
};

}  // namespace luxtorch
