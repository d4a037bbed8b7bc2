// Padding around spatial dimensions.
//
//     Tensor a = ops::pad_zeros(x, 1);                     // x: (batch, channels, height, width)
//     Tensor b = ops::pad_constant(x, {1, 2}, -1.0);       // 1 above and below, 2 at the left and right
//     Tensor c = ops::pad_reflect(x, {0, 0, 2, 1});        // (low, high) of the height, then of the width
//
// x: (batch, channels, time), (batch, channels, height, width) or (batch, channels, depth, height,
// width); pad: as of a convolution, without SamePad. All is differentiable, any number of times, in
// reverse and in forward mode. On the meta device y has its shape and dtype, without arithmetic.
// ArgumentError: a negative pad, SamePad. ShapeError: an x of another rank; neither one number nor one or
// two for each dimension; more padding than the mode allows.
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"
#include "luxtorch/ops/window.h"

namespace luxtorch::ops {

/// `value` around x: torch.nn.ConstantPad2d, NNlib.pad_constant.
LUXTORCH_API Tensor pad_constant(const Tensor& x, const luxtorch::Padding& pad, double value = 0);
/// Zeros around x: torch.nn.ZeroPad2d, NNlib.pad_zeros.
LUXTORCH_API Tensor pad_zeros(const Tensor& x, const luxtorch::Padding& pad);
/// The edge elements around x: torch.nn.ReplicationPad2d.
LUXTORCH_API Tensor pad_replicate(const Tensor& x, const luxtorch::Padding& pad);
/// pad_replicate by NNlib's name.
inline Tensor pad_repeat(const Tensor& x, const luxtorch::Padding& pad) {
  return pad_replicate(x, pad);
}
/// x mirrored at its edge elements, pad below the size: torch.nn.ReflectionPad2d, NNlib.pad_reflect.
LUXTORCH_API Tensor pad_reflect(const Tensor& x, const luxtorch::Padding& pad);
/// x mirrored with its edge elements, as often as pad asks for: NNlib.pad_symmetric.
LUXTORCH_API Tensor pad_symmetric(const Tensor& x, const luxtorch::Padding& pad);
/// x's other end, pad at most the size: torch.nn.CircularPad2d, NNlib.pad_circular.
LUXTORCH_API Tensor pad_circular(const Tensor& x, const luxtorch::Padding& pad);

}  // namespace luxtorch::ops
