// Groups on Gloo.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "distributed/meeting.h"
#include "group_backend.h"

namespace luxtorch::distributed {

/// How a group makes its calls.
struct Calls {
  std::chrono::milliseconds timeout;
  bool check;  // compare training steps with those of the others too (InitOptions::check_calls)
};

/// The name of a sum, maximum or minimum over all processes, for errors and comparisons.
std::string all_reduce_text(detail::Reduce how);

/// A group on Gloo, and what a group on another library needs of it.
class GlooBackend : public detail::GroupBackend {
 public:
  /// DistributedError on all processes where they call other things, or with a tensor of another shape or dtype.
  virtual void expect_same_call(const std::string& what, const Tensor& t) = 0;
  /// Leaves the group, which throws this error from now on.
  virtual void end_by(DistributedError error) = 0;
  /// Throws the error of a group that was broken off.
  virtual void expect_whole() const = 0;
  virtual Meeting& meeting() const = 0;
  /// split; nullptr for one process.
  virtual std::shared_ptr<GlooBackend> split_on_gloo(int64_t color) = 0;
};

/// All processes that have met. DistributedError: those that cannot be connected.
std::shared_ptr<GlooBackend> gloo(const Launch& launch, std::shared_ptr<Meeting> meeting,
                                  const Calls& calls);

}  // namespace luxtorch::distributed
