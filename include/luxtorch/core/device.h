// Where tensors live: for tree::to(tree, device) and programs' --device option.
//
//     auto dev = gpu_device();               // the CPU where there is no GPU
//     auto [ps, st] = setup(Rng(0), model);
//     ps = tree::to(ps, dev);
//
// Level 0.
#pragma once

#include <string_view>

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"

namespace luxtorch {

LUXTORCH_API Device cpu_device();

/// The accelerator that torch was built for (CUDA, ROCm, XPU, MPS) if one is there, else the CPU.
/// index: which one, from 0; -1 is torch's current one. With force, no accelerator is an
/// UnsupportedError.
LUXTORCH_API Device gpu_device(bool force = false, int index = -1);

/// "cpu", "gpu" (falls back), "cuda", "cuda:1", ...: ArgumentError for other words,
/// UnsupportedError for a device that is not there.
LUXTORCH_API Device device(std::string_view name);

}  // namespace luxtorch
