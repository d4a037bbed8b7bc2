#include "core/parallel.h"

#include <pthread.h>
#include <sys/stat.h>

#include <atomic>

namespace luxtorch::parallel {

namespace {

std::atomic<bool> lost = false;
thread_local bool had_others = false;  // from one handler of a fork to the other

// The folder's links are itself, its parent and one for each thread.
bool has_other_threads() {
  struct stat tasks;
  return stat("/proc/self/task", &tasks) != 0 || tasks.st_nlink != 3;
}

const int registered = pthread_atfork([] { had_others = has_other_threads(); }, nullptr,
                                      [] {
                                        if (had_others) lost = true;
                                      });

}  // namespace

bool lost_threads() { return lost.load(std::memory_order_relaxed) || registered != 0; }

}  // namespace luxtorch::parallel
