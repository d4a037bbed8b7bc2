// A group whose processes are threads of one program, for tests of what many processes do.
//
//     simulate(1024, [](const Group& group) { EXPECT_EQ(group.sum(tensor({1})).item<int64_t>(), 1024); });
#pragma once

#include <cstdint>
#include <functional>

#include "luxtorch/group.h"

namespace luxtorch::testing {

/// Runs f for each member of a group of `size`, each on a thread of its own, and waits for all. Messages are copied
/// among the threads; members that make different calls get a DistributedError, as do the others of one that throws.
/// Throws what the first of the members threw that failed itself.
void simulate(int64_t size, const std::function<void(const Group& group)>& f);

/// How many calls of simulate's group this member has made.
int64_t calls(const Group& group);

/// A member that sends nothing: its calls throw std::logic_error. For what depends on rank and size alone.
Group silent_member(int64_t rank, int64_t size);

}  // namespace luxtorch::testing
