// Whose products a dense layer takes: those of our kernels or those of LibTorch's library.
//
// Level 1.5.
#pragma once

#include <cstdint>

#include "kernels/dense.h"

namespace luxtorch::ops {

/// Why the library multiplies rows of `in` numbers by (in, out) faster than our kernels; nullptr: it does not. By
/// measurements of tools/bench/products.
///
/// Packing a weight takes as long as a product with some 13 rows on AVX2, and the library packs less for a few rows. On
/// AVX2 we are ahead of it from 64 rows on. MKL takes all of a vector on Intel's processors and half of it on others with
/// AVX-512; there a few rows are enough. Where weights are small, what torch does around a product costs more than the
/// product.
inline const char* why_library(int64_t rows, int64_t in, int64_t out) {
#if defined(__x86_64__)
  static const bool is_at_home = __builtin_cpu_is("intel");
#else
  constexpr bool is_at_home = true;
#endif
  static const bool has_wide_vectors = kernels::dense_panel<float>() > 16;
  constexpr int64_t kTiny = 4096, kSmall = 128 * 128;
  const int64_t size = in * out;
  if (size <= kTiny) return nullptr;
  if (rows < (size <= kSmall || has_wide_vectors ? 16 : 64)) return "x has few rows";
  return is_at_home && size > kSmall ? "torch's products are faster" : nullptr;
}

}  // namespace luxtorch::ops
