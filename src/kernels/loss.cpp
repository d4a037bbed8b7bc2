#include "kernels/loss.h"

#include <cmath>

namespace luxtorch::kernels {

template <class T>
double binary_cross_entropy(const T* p, const T* y, int64_t n, double epsilon, double smoothing,
                            double scale, T* slope) {
  const T e = static_cast<T>(epsilon), keep = static_cast<T>(1 - smoothing),
          half = static_cast<T>(smoothing / 2);
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    const T t = keep * y[i] + half, u = 1 - t;
    const T positive = p[i] + e, negative = (1 - p[i]) + e;
    // A certain target needs one logarithm, and the other may be one of zero.
    T loss = 0, by_p = 0;
    if (t != 0) loss -= t * std::log(positive), by_p -= t / positive;
    if (u != 0) loss -= u * std::log(negative), by_p += u / negative;
    sum += loss;
    if (slope) slope[i] = by_p * static_cast<T>(scale);
  }
  return sum;
}

template double binary_cross_entropy(const float*, const float*, int64_t, double, double, double,
                                     float*);
template double binary_cross_entropy(const double*, const double*, int64_t, double, double, double,
                                     double*);

}  // namespace luxtorch::kernels
