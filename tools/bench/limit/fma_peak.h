// The most additions and multiplications of floating-point numbers that the processor does.
#pragma once

#include <string>

namespace bench {

/// Operations in a nanosecond (GFLOP/s) of `threads` threads together, of float32 and of float64: a loop
/// of fused multiply-adds, two operations for each element, on registers alone. It has more independent
/// sums than the processor has multiply-adds under way, so that it waits for none of them. Of the
/// processor's widest vectors that Highway knows, the best run of `seconds`.
double fma_peak_float32(int threads, double seconds);
double fma_peak_float64(int threads, double seconds);

/// The vectors that these take, by Highway's name: "AVX2", or "AVX3" and the like for AVX-512.
std::string vectors();

}  // namespace bench
