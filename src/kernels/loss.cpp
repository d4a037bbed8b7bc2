#include "kernels/loss.h"

#include <algorithm>
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

namespace {

// log(sum_c exp(x_c - most)); slope gets the exponentials.
template <class T>
double log_sum_exp(const T* x, int64_t classes, T most, T* slope, double& sum) {
  sum = 0;
  for (int64_t c = 0; c < classes; ++c) {
    const T power = std::exp(x[c] - most);
    if (slope) slope[c] = power;
    sum += power;
  }
  return std::log(sum);
}

}  // namespace

template <class T>
double cross_entropy(const T* x, const T* y, int64_t rows, int64_t classes, double smoothing,
                     double scale, T* slope) {
  const T keep = static_cast<T>(1 - smoothing),
          rest = static_cast<T>(smoothing / static_cast<double>(classes));
  double total = 0;
  for (int64_t r = 0; r < rows; ++r, x += classes, y += classes, slope += slope ? classes : 0) {
    const T most = *std::max_element(x, x + classes);
    double sum = 0, weight = 0;
    const double log_sum = log_sum_exp(x, classes, most, slope, sum);
    for (int64_t c = 0; c < classes; ++c) {
      const T t = keep * y[c] + rest;
      weight += t;
      total += t * (log_sum - (x[c] - most));
    }
    if (!slope) continue;
    const T share = static_cast<T>(weight * scale / sum);
    for (int64_t c = 0; c < classes; ++c) {
      slope[c] = slope[c] * share - static_cast<T>(scale) * (keep * y[c] + rest);
    }
  }
  return total;
}

template <class T>
double cross_entropy(const T* x, const int64_t* labels, int64_t rows, int64_t classes,
                     double smoothing, double scale, T* slope) {
  const double rest = smoothing / static_cast<double>(classes);
  double total = 0;
  for (int64_t r = 0; r < rows; ++r, x += classes, slope += slope ? classes : 0) {
    const T most = *std::max_element(x, x + classes);
    double sum = 0;
    const double log_sum = log_sum_exp(x, classes, most, slope, sum);
    total += (1 - smoothing) * (log_sum - (x[labels[r]] - most));
    if (rest != 0) {
      for (int64_t c = 0; c < classes; ++c) total += rest * (log_sum - (x[c] - most));
    }
    if (!slope) continue;
    const T share = static_cast<T>(scale / sum), less = static_cast<T>(rest * scale);
    for (int64_t c = 0; c < classes; ++c) slope[c] = slope[c] * share - less;
    slope[labels[r]] -= static_cast<T>((1 - smoothing) * scale);
  }
  return total;
}

template double binary_cross_entropy(const float*, const float*, int64_t, double, double, double,
                                     float*);
template double binary_cross_entropy(const double*, const double*, int64_t, double, double, double,
                                     double*);
template double cross_entropy(const float*, const float*, int64_t, int64_t, double, double, float*);
template double cross_entropy(const double*, const double*, int64_t, int64_t, double, double,
                              double*);
template double cross_entropy(const float*, const int64_t*, int64_t, int64_t, double, double,
                              float*);
template double cross_entropy(const double*, const int64_t*, int64_t, int64_t, double, double,
                              double*);

}  // namespace luxtorch::kernels
