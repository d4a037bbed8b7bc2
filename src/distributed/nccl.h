// Groups whose tensors on GPUs go through NCCL. no_nccl.cpp takes nccl.cpp's place where LibTorch has no CUDA or
// the headers are missing.
#pragma once

#include <memory>

#include "distributed/gloo.h"
#include "group_backend.h"

namespace luxtorch::distributed {

/// Whether this build has NCCL.
bool has_nccl();

/// UnsupportedError, which says what to install, where this build has no NCCL.
void expect_nccl();

/// The group with NCCL for tensors on GPUs, and `on_gloo` for all else. Where a process has no GPU of its own:
/// ArgumentError on all of them if `required`, else on_gloo itself.
std::shared_ptr<detail::GroupBackend> with_nccl(std::shared_ptr<GlooBackend> on_gloo,
                                                const Calls& calls, bool required);

}  // namespace luxtorch::distributed
