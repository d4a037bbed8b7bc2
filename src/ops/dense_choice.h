// Whose products a dense layer takes: those of our kernels or those of LibTorch's library.
//
// Level 1.5.
#pragma once

#include <cstdint>

namespace luxtorch::ops {

/// Do our kernels multiply rows of `in` numbers by (in, out) at least as fast as the library? Measured by tools/bench products.
///
/// MKL takes all of a vector on Intel's processors and half of it on others with AVX-512; there oneDNN and we are twice as
/// fast. On AVX2 we are alike for large sizes. Where weights are small, what torch does around a product costs more
/// than the product, whatever the processor.
inline bool kernels_win(int64_t in, int64_t out) {
#if defined(__x86_64__)
  static const bool is_at_home = __builtin_cpu_is("intel");
#else
  constexpr bool is_at_home = true;
#endif
  constexpr int64_t kSmall = 128 * 128;
  return !is_at_home || in * out <= kSmall;
}

}  // namespace luxtorch::ops
