// Shapes without numbers: torch's operators on meta tensors.
//
// Level 1.5.
#pragma once

namespace luxtorch::ops {

/// LibTorch without Python has no kernels for meta tensors of many operators (where, index_select,
/// batch_norm, convolutions, ...). After this call they give tensors of their output's shape and dtype.
/// Kernels that are there stay, as those of Python's torch. Any thread, any number of times.
void register_meta_kernels();

}  // namespace luxtorch::ops
