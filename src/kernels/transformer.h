// What a transformer computes beside its products, in one pass over dense memory; of RMSNorm also the gradients.
//
// Level 1, no torch. T is float or double.
#pragma once

#include <cstdint>

namespace luxtorch::kernels {

/// y = x / sqrt(mean(x^2) + epsilon) * scale in each row. x and y: (rows, features); scale: (features), or null for 1.
template <class T>
void rms_norm(const T* x, const T* scale, int64_t rows, int64_t features, double epsilon, T* y);

/// The gradients of rms_norm. g: by y. by_scale, which may be null, gets the sum over the rows added to it.
template <class T>
void rms_norm_backward(const T* g, const T* x, const T* scale, int64_t rows, int64_t features,
                       double epsilon, T* by_x, T* by_scale);

/// Turns the pairs of one vector by angles: a cos - b sin and b cos + a sin. The pairs are (i, i + half), or with
/// interleaved (2i, 2i + 1). x and y: 2 half numbers.
template <class T>
void rotate(const T* x, const T* cos, const T* sin, int64_t half, bool interleaved, T* y);

/// Keys and values of one head, a row for each key, and what is added to the products.
template <class T>
struct HeadMemory {
  const T* k;
  const T* v;
  int64_t k_stride, v_stride;  // from row to row
  const T* added;              // (keys), -inf where forbidden; or null
};

/// y = softmax(scale q k^T + added) v for one query; zeros where it may attend to no key. q: (d); y: (e); scores: memory
/// for as many numbers as there are keys.
template <class T>
void attend(const T* q, const HeadMemory<T>& memory, int64_t keys, int64_t d, int64_t e, T scale,
            T* scores, T* y);

}  // namespace luxtorch::kernels
