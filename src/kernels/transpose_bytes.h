// Large matrices, transposed at the speed of memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace luxtorch::kernels {

/// Element i of row r of `to` = element r of row i of `from`, for i below n and r below rows. Elements
/// have 1, 2, 4 or 8 bytes and lie side by side in a row on both sides, rows so many bytes apart;
/// nothing need be aligned. What is written goes past the caches.
void transpose_bytes(size_t element, const char* from, int64_t from_step, int64_t n, int64_t rows,
                     char* to, int64_t to_step);

}  // namespace luxtorch::kernels
