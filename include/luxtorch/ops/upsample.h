// Larger and smaller images: interpolation, and channels moved into space.
//
//     Tensor a = ops::upsample(x, UpsampleMode::Nearest, {.scale = 2});
//     Tensor b = ops::upsample(x, UpsampleMode::Bilinear, {.size = {12, 20}, .align_corners = true});
//     Tensor c = ops::pixel_unshuffle(ops::pixel_shuffle(x, 2), 2);
//
// x: (batch, channels, time), (batch, channels, height, width) or (batch, channels, depth, height,
// width), of floating point. All is differentiable, any number of times, in reverse and in forward mode.
// On the meta device y has its shape and dtype, without arithmetic.
#pragma once

#include <initializer_list>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"
#include "luxtorch/ops/window.h"

namespace luxtorch {

/// What lies between the elements of x.
enum class UpsampleMode {
  Nearest,       ///< element floor(i / scale)
  NearestExact,  ///< element floor((i + 1/2) / scale)
  Linear,        ///< linear in each spatial dimension, of which there are 1 to 3
  Bilinear,      ///< the same, for images alone
  Trilinear,     ///< the same, for volumes alone
  Bicubic,       ///< cubic convolution with a = -0.75, for images alone
};

/// Factors for spatial dimensions: one for every dimension, or one for each.
class LUXTORCH_API Scales {
 public:
  /// The same factor for every dimension.
  Scales(double every) : numbers_{every}, for_every_(true) {}
  /// One factor for each dimension; of an empty list none is given.
  Scales(std::initializer_list<double> each) : numbers_(each) {}
  /// One factor for each dimension; of an empty vector none is given.
  Scales(const std::vector<double>& each) : numbers_(each) {}

  /// What was given: nothing, one factor, or one for each dimension.
  const std::vector<double>& numbers() const { return numbers_; }
  /// Is it one factor that holds for every dimension?
  bool for_every() const { return for_every_; }

 private:
  std::vector<double> numbers_;
  bool for_every_ = false;
};

/// The options of Upsample and ops::upsample; exactly one of .scale and .size is given.
struct UpsampleOptions {
  Scales scale = {};  ///< Above 0. A size I becomes floor(I scale).
  Sizes size = {};    ///< y's sizes.
  /// True: the corners of x and y lie on each other, element i of y at i (I - 1) / (O - 1) of x, 0 for
  /// O = 1. False: at (i + 1/2) / scale - 1/2, with I / O for 1 / scale if .size was given. Of the linear
  /// modes and Bicubic.
  bool align_corners = false;
};

}  // namespace luxtorch

namespace luxtorch::ops {

/// x at other sizes: torch.nn.Upsample, NNlib.upsample_bilinear and so on. Lux's linear modes always align
/// corners. ArgumentError: not one of .scale and .size; a scale that is not above 0 and finite, a size
/// below 1; more numbers than the mode has dimensions; align_corners of a nearest mode. ShapeError: an x of
/// another rank or of integers, a y without elements or with 2^62 of them or more.
LUXTORCH_API Tensor upsample(const Tensor& x, UpsampleMode mode, const UpsampleOptions& options);

/// (batch, channels r^N, S, ...) to (batch, channels, S r, ...), for N spatial dimensions: channel
/// c r^N + i_1 r^(N-1) + ... + i_N goes to the place i_1, ..., i_N of each block of r^N elements (Shi et al.
/// 2016). torch.nn.PixelShuffle, NNlib.pixel_shuffle. Any dtype. ArgumentError: r is below 1. ShapeError: a
/// rank below 3, channels not divisible by r^N.
LUXTORCH_API Tensor pixel_shuffle(const Tensor& x, int64_t r);
/// The reverse of pixel_shuffle: torch.nn.PixelUnshuffle. ArgumentError: r is below 1. ShapeError: a rank
/// below 3, spatial sizes not divisible by r.
LUXTORCH_API Tensor pixel_unshuffle(const Tensor& x, int64_t r);

}  // namespace luxtorch::ops
