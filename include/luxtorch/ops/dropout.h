// Dropout of tensors, with the random key as an argument; the layers of layers/dropout.h call these.
//
//     Tensor y = ops::dropout(Rng(0), x, 0.5);
//     Tensor rows = ops::dropout(Rng(0), x, 0.5, {0});  // whole rows
//
// Differentiable by x, any number of times; the mask is a constant of every derivative. One key always
// draws the same mask.
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"
#include "luxtorch/rng.h"

namespace luxtorch::ops {

/// x * mask / (1 - p), the mask being 1 with probability 1 - p and else 0 (Srivastava et al. 2014). With
/// p = 1 y is zeros, with p = 0 it is x itself. The mask varies along the dimensions `dims` of x, negative ones from
/// the end, and is shared along all others; without dims it varies along all. ArgumentError: p outside
/// 0 to 1; with p above 0 also a dimension that x does not have. ShapeError: x is not of a floating dtype.
[[nodiscard]] LUXTORCH_API Tensor dropout(Rng rng, const Tensor& x, double p, ShapeView dims = {});

/// A * (x where the mask is 1, else a) + B, with the mask of dropout, a = -1.7580993408473766, the limit
/// of selu, and A and B such that a mean of 0 and a variance of 1 stay so (Klambauer et al. 2017).
/// With p = 1 y is zeros, with p = 0 it is x itself. Errors: as of dropout.
[[nodiscard]] LUXTORCH_API Tensor alpha_dropout(Rng rng, const Tensor& x, double p);

}  // namespace luxtorch::ops
