// Single tensors in another library's layout and in ours.
#pragma once

#include "luxtorch/layer_spec.h"

namespace luxtorch::detail {

/// Has the tensor the same name and dimensions there?
bool is_ours(const TensorLayout& layout);
/// The tensor that the other library has in place of ours; ours itself where the dimensions agree.
Tensor theirs(const TensorLayout& layout, const Tensor& ours);
/// The reverse.
Tensor ours(const TensorLayout& layout, const Tensor& theirs);

}  // namespace luxtorch::detail
