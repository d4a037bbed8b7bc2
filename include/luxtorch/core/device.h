// The device of tensors: for tree::to(tree, device) and for a program's --device option.
//
//     auto dev = gpu_device();               // the CPU where there is no GPU
//     auto [ps, st] = setup(Rng(0), model);
//     ps = tree::to(ps, dev);
#pragma once

#include <string_view>

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"

namespace luxtorch {

/// The CPU.
LUXTORCH_API Device cpu_device();

/// The accelerator that torch was built for (CUDA, ROCm, XPU, MPS) if the machine has one, else the
/// CPU. index: which one, from 0; -1 is torch's current one. With force, an accelerator that is not
/// there is an UnsupportedError.
LUXTORCH_API Device gpu_device(bool force = false, int index = -1);

/// The device of a name: "cpu", "gpu" (the CPU if there is no accelerator), "cuda" (the first one),
/// "cuda:1" and torch's other names. ArgumentError: not the name of a device. UnsupportedError: the
/// machine has no such device.
LUXTORCH_API Device device(std::string_view name);

}  // namespace luxtorch
