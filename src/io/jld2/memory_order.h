// Julia keeps the first index fastest, torch the last one. This is the one place that turns arrays
// around.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace luxtorch::jld2 {

/// Strides in elements of a dense array whose first index is fastest.
std::vector<int64_t> column_major(std::span<const int64_t> sizes);
/// Strides in elements of a dense array whose last index is fastest.
std::vector<int64_t> row_major(std::span<const int64_t> sizes);

/// to[i, j, ...] = from[i, j, ...] for elements of 1, 2, 4, 8 or 16 bytes, which need no alignment.
/// Strides count elements and may be zero or negative on the reading side. Goes in square blocks, so
/// that neither side walks through memory in long jumps.
void copy_strided(std::span<const int64_t> sizes, size_t element_size, const void* from,
                  std::span<const int64_t> from_strides, void* to,
                  std::span<const int64_t> to_strides);

}  // namespace luxtorch::jld2
