// Threads for our own loops: torch's, but for the child of a fork.
//
// OpenMP's threads do not live on in a forked process, and GCC's runtime waits for them there for
// ever. So a child of a process that had other threads runs our loops on one thread.
#pragma once

#include <ATen/Parallel.h>

namespace luxtorch::parallel {

/// Whether threads would be waited for in vain, in this process.
bool lost_threads();

/// As at::get_num_threads.
inline int threads() { return lost_threads() ? 1 : at::get_num_threads(); }

/// As at::parallel_for.
template <class F>
void loop(int64_t begin, int64_t end, int64_t grain, const F& f) {
  if (begin < end && lost_threads()) return f(begin, end);
  at::parallel_for(begin, end, grain, f);
}

}  // namespace luxtorch::parallel
