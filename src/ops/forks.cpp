#include "ops/forks.h"

#ifdef _OPENMP
#include <omp.h>
#include <pthread.h>
#endif

namespace luxtorch::ops {

bool end_threads_before_forks() {
#ifdef _OPENMP
  // Refused inside of a parallel loop, which has no business to fork.
  return pthread_atfork([] { omp_pause_resource_all(omp_pause_hard); }, nullptr, nullptr) == 0;
#else
  return true;
#endif
}

}  // namespace luxtorch::ops
