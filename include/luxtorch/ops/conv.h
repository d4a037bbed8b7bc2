// Convolutions of tensors, which the layers of layers/conv.h call.
//
//     Tensor y = ops::conv(x, weight, bias, {.stride = 2, .pad = 1});
//     Tensor back = ops::conv_transpose(y, weight, {}, {.stride = 2, .pad = 1, .outpad = 1});
//
// Differentiable, any number of times, in reverse and in forward mode. On the meta device y has its
// shape and dtype, without arithmetic. x keeps its memory format. bias may be undefined.
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"
#include "luxtorch/ops/window.h"

namespace luxtorch::ops {

/// The options of conv.
struct ConvOptions {
  Sizes stride = 1;               ///< Steps of the kernel, at least 1.
  luxtorch::Padding pad = 0;      ///< Elements around x, at least 0.
  Sizes dilation = 1;             ///< Distance between the kernel's taps, at least 1.
  int64_t groups = 1;             ///< Blocks of channels, each with its own kernels.
  bool cross_correlation = true;  ///< False: the kernel is flipped, as a convolution is defined.
  PadMode pad_mode = PadMode::Zeros;  ///< What the elements around x are.
};

/// y[n, o, p] = bias[o] + the sum over c and k of
/// weight[o, c, k] x[n, (o div (out / groups)) (in / groups) + c, p stride + k dilation - low],
/// NNlib's conv with flipped = true, torch.nn.functional.conv1d to conv3d.
///
/// x: (batch, in, spatial...) or (in, spatial...), 1 to 3 spatial dimensions; weight: (out, in / groups,
/// kernel...); bias: (out). y: (batch, out, spatial...) or (out, spatial...) with
/// floor((size + low + high - dilation (kernel - 1) - 1) / stride) + 1 for each size.
/// ArgumentError: a list of another length, a number below its least one, groups that do not divide.
/// ShapeError: x, weight and bias that do not fit each other, or are of different dtypes or devices; a
/// kernel larger than the padded x; a padding that the mode does not have for that size.
LUXTORCH_API Tensor conv(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                         const ConvOptions& options = {});

/// The options of conv_transpose.
struct ConvTransposeOptions {
  Sizes stride = 1;               ///< Distance in y of what neighbors in x give, at least 1.
  luxtorch::Padding pad = 0;      ///< Elements cut off around y, at least 0.
  Sizes outpad = 0;               ///< Elements more behind y, at least 0.
  Sizes dilation = 1;             ///< Distance between the kernel's taps, at least 1.
  int64_t groups = 1;             ///< Blocks of channels, each with its own kernels.
  bool cross_correlation = true;  ///< False: the kernel is flipped.
};

/// The gradient of conv by its x, as a function of conv's y: with g = i div (in / groups),
/// full[n, g (out / groups) + o, q] = the sum over i of the group g, and over p and k with
/// p stride + k dilation = q, of x[n, i, p] weight[i, o, k];
/// y is full without its first low and its last high - outpad elements (zeros are added where that is
/// below 0), plus bias. NNlib's conv_transpose, torch.nn.functional.conv_transpose1d to 3d.
///
/// x: (batch, in, spatial...) or (in, spatial...), 1 to 3 spatial dimensions; weight: (in, out / groups,
/// kernel...); bias: (out). y: (batch, out, spatial...) or (out, spatial...) with
/// (size - 1) stride + dilation (kernel - 1) + 1 - low - high + outpad for each size. SamePad cuts off
/// dilation (kernel - stride) in all, so that y has size stride elements with dilation 1.
/// ArgumentError: as conv; SamePad with a kernel below its stride. ShapeError: x, weight and bias that do
/// not fit each other, or are of different dtypes or devices; a size of y below 1.
LUXTORCH_API Tensor conv_transpose(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                                   const ConvTransposeOptions& options = {});

}  // namespace luxtorch::ops
