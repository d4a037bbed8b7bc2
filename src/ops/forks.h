// Threads and forks.
#pragma once

namespace luxtorch::ops {

/// From now on OpenMP's threads end before this process is forked, and start again on both sides when
/// they are needed. GCC's runtime would wait in the child for threads that did not come along, in our
/// loops and in torch's. Returns whether that could be arranged.
bool end_threads_before_forks();

}  // namespace luxtorch::ops
