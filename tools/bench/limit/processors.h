// Threads on processors of their own, which do the same work at the same time.
#pragma once

#include <cstdint>
#include <functional>

namespace bench {

/// How many processors this process may use.
int processors();

/// The bytes of all last-level caches of these processors together; 0 where the system does not say.
int64_t last_level_cache_bytes();

/// What one of several threads does; thread counts from 0.
using Part = std::function<void(int thread)>;

/// The shortest time in nanoseconds of one run, from the first thread's begin to the last one's end. A
/// run is one call of work on each of `threads` threads (1 or more) at once, each on a processor of its
/// own as far as there are so many; runs are repeated for `seconds`, at least ten times. prepare comes
/// first, once on each thread, and is not timed. Neither may throw.
int64_t shortest_ns(int threads, double seconds, const Part& prepare, const Part& work);

}  // namespace bench
