// The windows of a pool, and pools over them: what the functions of luxtorch/ops/pooling.h and the layers
// share.
//
// Level 1.5. Arguments are checked once, by pool_windows, and inputs by the *_mismatch functions, whose
// texts the callers put under their own names.
#pragma once

#include <string>

#include "luxtorch/core/types.h"
#include "luxtorch/ops/pooling.h"
#include "ops/window.h"

namespace luxtorch::ops {

/// One number for each spatial dimension.
struct PoolWindows {
  Shape window, stride, dilation;
  Pads pads;
  bool ceil_mode = false;
};

/// ArgumentError of `who`: as the head of luxtorch/ops/pooling.h says.
PoolWindows pool_windows(const std::string& who, const Shape& window, const Sizes& stride,
                         const luxtorch::Padding& pad, const Sizes& dilation, bool ceil_mode);
template <class Options>
PoolWindows pool_windows(const std::string& who, const Shape& window, const Options& options) {
  return pool_windows(who, window, options.stride, options.pad, options.dilation,
                      options.ceil_mode);
}
/// The windows of options that have the numbers of such windows already, for every dimension, with
/// .pad in pairs: without checks, for each call of a layer.
template <class Options>
PoolWindows checked_windows(const Shape& window, const Options& options) {
  return {.window = window,
          .stride = options.stride.numbers(),
          .dilation = options.dilation.numbers(),
          .pads = from_pairs(options.pad.sides().numbers()),
          .ceil_mode = options.ceil_mode};
}
/// ArgumentError of `who`: not 1 to 3 numbers of at least 1. what: "a window" or "a size".
void check_spatial(const std::string& who, const char* what, const Shape& numbers);
/// ArgumentError of `who`: p is not above 0 and finite.
void check_p(const std::string& who, double p);

/// Why windows cannot lie on x; "" if they can.
std::string pool_mismatch(const Tensor& x, const PoolWindows& windows);
/// The shape of y.
Shape pooled_shape(ShapeView x, const PoolWindows& windows);

Tensor max_over(const Tensor& x, const PoolWindows& windows);
Tensor mean_over(const Tensor& x, const PoolWindows& windows, bool count_include_pad);
Tensor norm_over(const Tensor& x, const PoolWindows& windows, double p);

/// Why x cannot be pooled to `size`; "" if it can.
std::string adaptive_mismatch(const Tensor& x, const Shape& size, AdaptiveWindows windows);
Tensor adaptive_max(const Tensor& x, const Shape& size, AdaptiveWindows windows);
Tensor adaptive_mean(const Tensor& x, const Shape& size, AdaptiveWindows windows);
Tensor adaptive_norm(const Tensor& x, const Shape& size, AdaptiveWindows windows, double p);

/// Why x has no channels to pool; "" if it has.
std::string global_mismatch(const Tensor& x);
Tensor global_max(const Tensor& x);
Tensor global_mean(const Tensor& x);
Tensor global_norm(const Tensor& x, double p);

/// |x|^p; where x is 0, its derivatives are.
Tensor raised(const Tensor& x, double p);
/// sums^(1/p); where a sum is 0, its derivatives are.
Tensor root(const Tensor& sums, double p);
/// The outer product of factors, one vector for each spatial dimension, as a tensor like x beside it.
Tensor outer_product(const std::vector<std::vector<double>>& factors, const Tensor& x);

/// Why x is neither (batch, channels, ...) nor (channels, ...) of floating point with `dims` spatial
/// dimensions; "" if it is.
std::string image_mismatch(const Tensor& x, size_t dims);

}  // namespace luxtorch::ops
