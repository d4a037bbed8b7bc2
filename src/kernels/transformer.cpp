#include "kernels/transformer.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace luxtorch::kernels {

namespace {

// Sums in lanes, which a compiler keeps in vectors without reordering a sum.
constexpr int64_t kLanes = 16;

template <class T>
T dot(const T* a, const T* b, int64_t n) {
  T lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int64_t l = 0; l < kLanes; ++l) lanes[l] += a[i + l] * b[i + l];
  T sum = 0;
  for (; i < n; ++i) sum += a[i] * b[i];
  for (T lane : lanes) sum += lane;
  return sum;
}

}  // namespace

template <class T>
void rms_norm(const T* x, const T* scale, int64_t rows, int64_t features, double epsilon, T* y) {
  for (int64_t r = 0; r < rows; ++r, x += features, y += features) {
    const T mean = dot(x, x, features) / static_cast<T>(features);
    const T factor = 1 / std::sqrt(mean + static_cast<T>(epsilon));
    if (scale) {
      for (int64_t i = 0; i < features; ++i) y[i] = x[i] * factor * scale[i];
    } else {
      for (int64_t i = 0; i < features; ++i) y[i] = x[i] * factor;
    }
  }
}

template <class T>
void rms_norm_backward(const T* g, const T* x, const T* scale, int64_t rows, int64_t features,
                       double epsilon, T* by_x, T* by_scale) {
  for (int64_t r = 0; r < rows; ++r, g += features, x += features, by_x += features) {
    const T mean = dot(x, x, features) / static_cast<T>(features);
    const T factor = 1 / std::sqrt(mean + static_cast<T>(epsilon));
    for (int64_t i = 0; i < features; ++i) by_x[i] = scale ? g[i] * scale[i] : g[i];
    const T along = dot(by_x, x, features) / static_cast<T>(features) * factor * factor * factor;
    for (int64_t i = 0; i < features; ++i) by_x[i] = by_x[i] * factor - x[i] * along;
    if (!by_scale) continue;
    for (int64_t i = 0; i < features; ++i) by_scale[i] += g[i] * x[i] * factor;
  }
}

template <class T>
void rotate(const T* x, const T* cos, const T* sin, int64_t half, bool interleaved, T* y) {
  if (interleaved) {
    for (int64_t i = 0; i < half; ++i) {
      const T a = x[2 * i], b = x[2 * i + 1];
      y[2 * i] = a * cos[i] - b * sin[i], y[2 * i + 1] = b * cos[i] + a * sin[i];
    }
    return;
  }
  for (int64_t i = 0; i < half; ++i) {
    const T a = x[i], b = x[half + i];
    y[i] = a * cos[i] - b * sin[i], y[half + i] = b * cos[i] + a * sin[i];
  }
}

template <class T>
void attend(const T* q, const HeadMemory<T>& memory, int64_t keys, int64_t d, int64_t e, T scale,
            T* scores, T* y) {
  constexpr T kForbidden = -std::numeric_limits<T>::infinity();
  T most = kForbidden;
  bool has_key = false;
  for (int64_t j = 0; j < keys; ++j) {
    const T product = dot(q, memory.k + j * memory.k_stride, d) * scale;
    scores[j] = memory.added ? product + memory.added[j] : product;
    most = std::max(most, scores[j]);
    has_key = has_key || scores[j] != kForbidden;
  }
  std::fill(y, y + e, T(0));
  if (!has_key) return;
  T sum = 0;
  for (int64_t j = 0; j < keys; ++j) {
    const T power = std::exp(scores[j] - most);
    const T* v = memory.v + j * memory.v_stride;
    sum += power;
    for (int64_t i = 0; i < e; ++i) y[i] += power * v[i];
  }
  for (int64_t i = 0; i < e; ++i) y[i] /= sum;
}

template void rms_norm(const float*, const float*, int64_t, int64_t, double, float*);
template void rms_norm(const double*, const double*, int64_t, int64_t, double, double*);
template void rms_norm_backward(const float*, const float*, const float*, int64_t, int64_t, double,
                                float*, float*);
template void rms_norm_backward(const double*, const double*, const double*, int64_t, int64_t,
                                double, double*, double*);
template void rotate(const float*, const float*, const float*, int64_t, bool, float*);
template void rotate(const double*, const double*, const double*, int64_t, bool, double*);
template void attend(const float*, const HeadMemory<float>&, int64_t, int64_t, int64_t, float,
                     float*, float*);
template void attend(const double*, const HeadMemory<double>&, int64_t, int64_t, int64_t, double,
                     double*, double*);

}  // namespace luxtorch::kernels
