// Julia and Fortran keep the first index fastest, torch the last one. This is the one place that turns
// arrays around.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace luxtorch::io {

/// Strides in elements of a dense array whose first index is fastest.
std::vector<int64_t> column_major(std::span<const int64_t> sizes);
/// Strides in elements of a dense array whose last index is fastest.
std::vector<int64_t> row_major(std::span<const int64_t> sizes);

/// Cuts an array into parts of at most `most` elements that follow on each other where the first
/// index is fastest; a part is the box of `sizes` elements at `begin`, one number for each index.
void for_each_run(std::span<const int64_t> sizes, int64_t most,
                  const std::function<void(std::span<const int64_t> begin,
                                           std::span<const int64_t> sizes)>& part);

/// to[i, j, ...] = from[i, j, ...] for elements of 1, 2, 4, 8 or 16 bytes, which need no alignment.
/// Strides count elements and may be zero or negative on the reading side. Goes in square blocks, so
/// that neither side walks through memory in long jumps.
void copy_strided(std::span<const int64_t> sizes, size_t element_size, const void* from,
                  std::span<const int64_t> from_strides, void* to,
                  std::span<const int64_t> to_strides);

}  // namespace luxtorch::io
