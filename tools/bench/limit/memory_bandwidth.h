// How fast the memory behind the caches gives and takes numbers.
#pragma once

#include <cstdint>

namespace bench {

/// Bytes in a nanosecond (GB/s), as the program moves them, with arrays of float32. What a write to a
/// cache fetches first is not counted; of copy and triad, plain stores and stores past the caches are
/// tried, and the better ones count.
struct Bandwidth {
  double read = 0;   // the sum of an array
  double copy = 0;   // a = b: one array read, one written
  double triad = 0;  // a = b + s c: two arrays read, one written
};

/// Of an array's bytes: four times the last-level caches, at least 64 MiB, at most 1 GiB.
int64_t bandwidth_array_bytes();

/// The best of the runs of `seconds` for each way, of `threads` threads together, which share the
/// arrays. std::bad_alloc where there is no room for three arrays.
Bandwidth memory_bandwidth(int threads, double seconds, int64_t array_bytes);

}  // namespace bench
