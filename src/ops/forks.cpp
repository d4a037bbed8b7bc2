#include "ops/forks.h"

#include <dlfcn.h>
#include <pthread.h>

namespace luxtorch::ops {

bool end_threads_before_forks() {
  // Of the runtime that LibTorch has loaded. Refused inside of a parallel loop, which has no business to
  // fork.
  using Pause = int (*)(int kind);
  static const auto pause = reinterpret_cast<Pause>(dlsym(RTLD_DEFAULT, "omp_pause_resource_all"));
  if (pause == nullptr) return true;
  constexpr int kHard = 2;  // omp_pause_hard
  return pthread_atfork([] { pause(kHard); }, nullptr, nullptr) == 0;
}

}  // namespace luxtorch::ops
