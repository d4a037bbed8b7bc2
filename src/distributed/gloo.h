// Groups on Gloo.
#pragma once

#include <memory>

#include "distributed/meeting.h"
#include "group_backend.h"

namespace luxtorch::distributed {

/// All processes that have met. DistributedError: those that cannot be connected.
std::shared_ptr<detail::GroupBackend> gloo(const Launch& launch, std::shared_ptr<Meeting> meeting,
                                           std::chrono::milliseconds timeout);

}  // namespace luxtorch::distributed
