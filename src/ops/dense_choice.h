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
/// alone: the run is this layer. On AVX2 its three products take 0.92 to 1.03 of the library's time for large weights and 256
/// rows or more, 0.84 to 1 with a bias, whose gradient takes no further pass, and the first product alone up to 1.1; with
/// fewer rows the library is ahead by up to a tenth. A run of several layers is ahead all the same, since its rows stay in the
/// cache and activations cost nothing.
///
/// Packing a weight takes as long as a product with some 13 rows on AVX2, and the library packs less for a few rows. MKL
/// takes all of a vector on Intel's processors and half of it on others with AVX-512; there a few rows are enough. Where
/// weights are small, what torch does around a product costs more than the product.
inline const char* why_library(int64_t rows, int64_t in, int64_t out, bool alone) {
#if defined(__x86_64__)
  static const bool is_at_home = __builtin_cpu_is("intel");
#else
  constexpr bool is_at_home = true;
#endif
  static const bool has_wide_vectors = kernels::dense_panel<float>() > 16;
  constexpr int64_t kTiny = 4096, kSmall = 128 * 128, kLarge = 256 * 256, kManyRows = 256;
  const int64_t size = in * out;
  if (size <= kTiny) return nullptr;
  if (rows < (size <= kSmall || has_wide_vectors ? 16 : 64)) return "x has few rows";
  const bool is_ahead = has_wide_vectors || !alone || rows >= kManyRows;
  const int64_t most = is_at_home ? kSmall : is_ahead ? size : kLarge;
  return size > most ? "torch's products are faster" : nullptr;
}

}  // namespace luxtorch::ops
