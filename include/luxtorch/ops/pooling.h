// Pooling: the maximum, the mean or a p-norm of the elements in each window.
//
//     Tensor a = ops::maxpool(x, {2, 2});                                   // x: (batch, channels, height, width)
//     Tensor b = ops::meanpool(x, {3, 3}, {.stride = 2, .pad = 1, .count_include_pad = false});
//     Tensor c = ops::lppool(x, {2, 2}, {.p = 3});
//     Tensor d = ops::adaptive_meanpool(x, {1, 1}), e = ops::global_maxpool(x);
//
// The window's length says how many spatial dimensions there are, 1 to 3: x is (batch, channels, time),
// (batch, channels, height, width) or (batch, channels, depth, height, width), or one sample without the
// batch, of floating point; sums of powers of half precision are taken in float32. All is differentiable, any number of times, in reverse and in forward mode.
// On the meta device y has its shape and dtype, without arithmetic.
//
// Each option is one number for every dimension or a list in the order of x's dimensions. ArgumentError:
// a list of another length; a window, stride or dilation below 1; a negative pad. ShapeError: an x of
// another rank or of integers; a window, with its dilation, that is longer than x with its padding.
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"
#include "luxtorch/ops/window.h"

namespace luxtorch {

/// The options of MaxPool and ops::maxpool.
struct MaxPoolOptions {
  Sizes stride = {};   ///< From window to window. Default, also of an empty list: the window.
  Padding pad = 0;     ///< Minus infinity around x.
  Sizes dilation = 1;  ///< From element to element of a window.
  /// True: a last window that starts within x and its front padding counts, though it ends behind all
  /// padding. False: only whole windows.
  bool ceil_mode = false;
};

/// The options of MeanPool and ops::meanpool.
struct MeanPoolOptions {
  Sizes stride = {};              ///< From window to window. Default: the window.
  Padding pad = 0;                ///< Zeros around x.
  Sizes dilation = 1;             ///< From element to element of a window.
  bool ceil_mode = false;         ///< As of MaxPoolOptions.
  bool count_include_pad = true;  ///< False: a mean of those elements of a window that are x's.
};

/// The options of LPPool and ops::lppool.
struct LPPoolOptions {
  Sizes stride = {};       ///< From window to window. Default: the window.
  Padding pad = 0;         ///< Zeros around x.
  Sizes dilation = 1;      ///< From element to element of a window.
  double p = 2;            ///< Above 0 and finite.
  bool ceil_mode = false;  ///< As of MaxPoolOptions.
};

/// Where the windows of an adaptive pool lie, for a size I of x and a size O of y.
enum class AdaptiveWindows {
  Torch,    ///< Window i from floor(i I / O) to ceil((i + 1) I / O): as in PyTorch.
  Uniform,  ///< All alike, with a stride of I div O and a length of I - (O - 1) stride: as in Lux.
};

/// The options of AdaptiveMaxPool, AdaptiveMeanPool and their functions.
struct AdaptivePoolOptions {
  AdaptiveWindows windows = AdaptiveWindows::Torch;  ///< Alike where O divides I.
};

/// The options of AdaptiveLPPool and ops::adaptive_lppool.
struct AdaptiveLPPoolOptions {
  double p = 2;                                      ///< Above 0 and finite.
  AdaptiveWindows windows = AdaptiveWindows::Torch;  ///< Alike where O divides I.
};

}  // namespace luxtorch

namespace luxtorch::ops {

/// The maximum of each window. A size I becomes floor((I + low + high - dilation (k - 1) - 1) / stride) + 1.
/// A NaN makes its windows NaN; of equal elements the first one gets the gradient. torch.nn.MaxPool2d,
/// NNlib.maxpool.
LUXTORCH_API Tensor maxpool(const Tensor& x, const Shape& window,
                            const MaxPoolOptions& options = {});

/// The mean of each window; sizes as of maxpool. torch.nn.AvgPool2d, NNlib.meanpool. With ceil_mode what
/// lies behind the padding is not counted.
LUXTORCH_API Tensor meanpool(const Tensor& x, const Shape& window,
                             const MeanPoolOptions& options = {});

/// (sum of |x|^p)^(1/p) of each window; sizes as of maxpool. Where the sum is 0, or an element is and p is
/// no integer, the derivatives by it count as 0. torch's and NNlib's pools raise x itself, which gives NaN for an odd p and a negative sum. As in
/// torch.nn.LPPool2d, the sum of a window that ceil_mode lets end behind the padding is scaled up to that
/// of a whole window. ArgumentError, also: p is not above 0 or not finite.
LUXTORCH_API Tensor lppool(const Tensor& x, const Shape& window, const LPPoolOptions& options = {});

/// The maximum of each of the windows that give y the sizes `size`. torch.nn.AdaptiveMaxPool2d.
/// ShapeError, also: with AdaptiveWindows::Uniform a size above x's.
LUXTORCH_API Tensor adaptive_maxpool(const Tensor& x, const Shape& size,
                                     const AdaptivePoolOptions& options = {});
/// The mean of each of the windows that give y the sizes `size`. torch.nn.AdaptiveAvgPool2d. Errors: as of
/// adaptive_maxpool.
LUXTORCH_API Tensor adaptive_meanpool(const Tensor& x, const Shape& size,
                                      const AdaptivePoolOptions& options = {});
/// (sum of |x|^p)^(1/p) of each of the windows that give y the sizes `size`. Errors: as of
/// adaptive_maxpool and lppool.
LUXTORCH_API Tensor adaptive_lppool(const Tensor& x, const Shape& size,
                                    const AdaptiveLPPoolOptions& options = {});

/// The maximum of each channel. x: (batch, channels, size, ...), of any number of spatial dimensions; y:
/// (batch, channels, 1, ...). Of equal elements the first one gets the gradient. ShapeError: a rank below
/// 3, a size of 0, integers.
LUXTORCH_API Tensor global_maxpool(const Tensor& x);
/// The mean of each channel; shapes and errors as of global_maxpool.
LUXTORCH_API Tensor global_meanpool(const Tensor& x);
/// (sum of |x|^p)^(1/p) of each channel; shapes and errors as of global_maxpool and lppool.
LUXTORCH_API Tensor global_lppool(const Tensor& x, double p = 2);

}  // namespace luxtorch::ops
