// Groups whose processes are threads of one program, for tests of what groups compute.
#pragma once

#include <cstdint>
#include <functional>

#include "luxtorch/group.h"

namespace luxtorch::testing {

/// Calls f on `size` threads, each with its own rank of one group, and waits for all of them. Then throws what the thread of
/// the lowest rank has thrown by itself; the calls of the others get a DistributedError.
void on_processes(int64_t size, const std::function<void(const Group& group)>& f);

/// How many calls of on_processes' group this rank has made.
int64_t calls(const Group& group);

}  // namespace luxtorch::testing
