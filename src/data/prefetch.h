// Level 3: threads that make the batches of an iterator ahead of it.
#pragma once

#include <ATen/ThreadLocalState.h>

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "luxtorch/tree.h"

namespace luxtorch::data::detail {

/// Makes the batches first, first + 1, ..., end - 1 on threads of its own, each batch once. Whoever destroys
/// it waits for the batches that are being made; no further one is begun.
class Prefetch {
 public:
  using Make = std::function<Tree(int64_t number)>;
  /// make: called by several threads at once, with torch's thread-local state of this one (is a graph
  /// recorded?). At most `ahead` batches are begun beyond those that have been taken.
  Prefetch(Make make, int64_t first, int64_t end, int64_t threads, int64_t ahead);

  /// The batch of that number, as soon as it is there; what make threw for it is thrown here. A batch that
  /// has been taken before is made again, on the caller's thread.
  Tree take(int64_t number);

 private:
  struct Result {
    Tree batch;
    std::exception_ptr error;
  };
  void work(const std::stop_token& stop);
  Result result(int64_t number) const;

  const Make make_;
  const int64_t end_, ahead_;
  const at::ThreadLocalState state_;
  // What the mutex guards. It is held between batches alone, never while one is made.
  std::mutex mutex_;
  std::condition_variable_any changed_;
  int64_t next_;   // the first batch that nobody has begun
  int64_t taken_;  // all batches below have been asked for
  std::map<int64_t, Result> finished_;
  std::vector<std::jthread> threads_;  // the last member: they end before what they use
};

}  // namespace luxtorch::data::detail
