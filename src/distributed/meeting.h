// The store through which processes meet, agree, and tell each other why they failed.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "distributed/environment.h"
#include "luxtorch/core/error.h"

namespace c10d {
class Store;
}

namespace luxtorch::distributed {

/// One process' view of the store.
class Meeting {
 public:
  /// Connects. ArgumentError: a place in use, or one that cannot be reached within start_timeout.
  Meeting(const Launch& launch, std::chrono::milliseconds start_timeout);
  /// A part of the same store, for some of its processes.
  Meeting(const Meeting& whole, const std::string& name, int64_t rank, int64_t size);
  ~Meeting();

  /// GroupBackend::judge. DistributedError: a process that has not come within the timeout.
  std::string judge(const std::string& text,
                    const std::function<std::string(const std::vector<std::string>&)>& verdict,
                    std::chrono::milliseconds timeout);

  /// Tells why this process failed. Never throws.
  void fail(const std::string& reason) noexcept;
  /// Called before a broken group's error is thrown, after which the process may end: rank 0, which may serve the
  /// store, waits until the others have read the reason, for 2 s at most. silent: ranks that will not.
  void leave_last(const std::vector<int64_t>& silent = {}) noexcept;
  /// What happened to the others, once a call (`what`) was broken off with `error`. It takes up to 2 s.
  DistributedError explain(const std::string& what, const std::string& error);

  /// A call that has not ended for a second: says which one this process waits in. The error if another one waits
  /// in another call of the same number. A fast process may wait in the next call, while a broadcast goes on.
  std::optional<DistributedError> compare_waits(int64_t number, const std::string& what);
  /// The call has ended after all.
  void end_wait();

  struct Impl;
  Impl& impl() const { return *impl_; }
  int64_t rank() const { return rank_; }
  int64_t size() const { return size_; }

 private:
  DistributedError look(const std::string& what, const std::string& error,
                        std::vector<int64_t>& silent);
  void await_readers(const std::string& reading, const std::vector<int64_t>& silent) noexcept;

  std::unique_ptr<Impl> impl_;
  int64_t rank_, size_;
};

}  // namespace luxtorch::distributed
