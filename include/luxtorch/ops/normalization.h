// Normalizations of tensors, which the layers of layers/norm.h call.
//
//     Tensor y = ops::groupnorm(x, scale, bias, 4);     // 4 groups of x's channels
//     Tensor z = ops::layernorm(x, scale, bias, {-1});  // each sample's features
//     Tensor r = ops::rms_norm(x, scale, {-1});
//
// Differentiable, any number of times, in reverse and in forward mode. Shapes and dtypes that do not
// fit together are errors of torch; the layers check them first.
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"

namespace luxtorch::ops {

/// y = (x - mean) / sqrt(var + epsilon) * scale + bias, mean and biased variance over each sample and
/// each block of channels / groups consecutive channels (Wu and He 2018, "Group normalization").
/// x: (batch, channels, ...), channels divisible by groups; y: the same, of x's dtype. scale and bias:
/// (channels), each may be undefined; float32 with an x of half precision too, the arithmetic is in
/// float32 then. On the meta device y has its shape and dtype, without arithmetic.
LUXTORCH_API Tensor groupnorm(const Tensor& x, const Tensor& scale, const Tensor& bias,
                              int64_t groups, double epsilon = 1e-5);

/// The same over each channel of each sample (Ulyanov et al. 2016, "Instance normalization"): groupnorm
/// with a group for each channel.
LUXTORCH_API Tensor instancenorm(const Tensor& x, const Tensor& scale, const Tensor& bias,
                                 double epsilon = 1e-5);

/// y = (x - mean) / sqrt(var + epsilon) * scale + bias, mean and biased variance over the dimensions
/// `dims` of x, negative ones from the end, all without dims (Ba et al. 2016, "Layer normalization", over the features).
/// scale and bias broadcast against x's last dimensions, each may be undefined. y: x's shape and dtype.
/// Half precision and the meta device: as of groupnorm.
LUXTORCH_API Tensor layernorm(const Tensor& x, const Tensor& scale, const Tensor& bias,
                              ShapeView dims, double epsilon = 1e-5);

/// y = x / sqrt(mean(x^2) + epsilon) * scale, the mean over the dimensions `dims` of x, negative ones
/// from the end, all without dims (Zhang and Sennrich 2019, "Root mean square layer normalization"). scale broadcasts
/// against x's last dimensions, and may be undefined. y: x's shape and dtype. Half precision and the
/// meta device: as of groupnorm.
LUXTORCH_API Tensor rms_norm(const Tensor& x, const Tensor& scale, ShapeView dims,
                             double epsilon = 1e-5);

}  // namespace luxtorch::ops
