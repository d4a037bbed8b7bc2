// Names for torch's types: the words that the rest of the library uses for tensors.
//
// Level 0. Includes one torch header, <ATen/core/Tensor.h>; everything above builds on it.
#pragma once

#include <ATen/core/Tensor.h>

namespace luxtorch {

using Tensor = at::Tensor;
using Shape = at::IntArrayRef;  // sizes, row-major: the last dimension varies fastest
using Dtype = c10::ScalarType;
using Device = c10::Device;

inline constexpr Dtype kFloat32 = Dtype::Float;
inline constexpr Dtype kFloat64 = Dtype::Double;
inline constexpr Dtype kInt64 = Dtype::Long;
inline constexpr Dtype kBool = Dtype::Bool;

}  // namespace luxtorch
