// Blocks of a matrix, transposed.
#pragma once

#include <cstdint>

namespace luxtorch::kernels {

/// to[i * to_stride + r] = from[r * from_stride + i] for r below rows and i below n.
void transpose(const float* from, int64_t from_stride, int64_t rows, int64_t n, float* to,
               int64_t to_stride);
void transpose(const double* from, int64_t from_stride, int64_t rows, int64_t n, double* to,
               int64_t to_stride);

}  // namespace luxtorch::kernels
