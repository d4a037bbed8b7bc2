// Conv and ConvTranspose: kernels that slide over one to three spatial dimensions.
//
//     Conv({3, 3}, 1, 8, lux::relu, {.stride = 2, .pad = 1})    // images (batch, 1, height, width)
//     Conv({3}, 1, 8, {.pad = SamePad{}})                       // sequences (batch, 1, time)
//     Conv({3, 3}, 8, 8, {.pad = {1, 1, 0, 2}, .groups = 8})    // low and high of height, of width
//     ConvTranspose({4, 4}, 8, 1, {.stride = 2, .pad = 1})      // from (h, w) to (2 h, 2 w)
//
// Kernels, strides and all other lists have the order of x's spatial dimensions: (depth, height,
// width), (height, width) or (time). Lux's have the reverse.
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/init.h"
#include "luxtorch/layer.h"
#include "luxtorch/ops/activation.h"
#include "luxtorch/ops/window.h"

namespace luxtorch {

/// The options of Conv.
struct ConvOptions {
  /// Default: U(-b, b), b = 1 / sqrt(in_channels / groups * the product of the kernel's sizes), as
  /// torch.nn.Conv2d.
  Initializer init_weight = {};
  Initializer init_bias = {};         ///< Default: the same.
  Sizes stride = 1;                   ///< Steps of the kernel, at least 1.
  Padding pad = 0;                    ///< Elements around x: numbers of at least 0, or SamePad.
  Sizes dilation = 1;                 ///< Distance between the kernel's taps, at least 1.
  int64_t groups = 1;                 ///< Blocks of channels, each with its own kernels.
  bool use_bias = true;               ///< False: no bias, also among the parameters.
  bool cross_correlation = true;      ///< False: the kernel is flipped in each call, as Lux's is.
  PadMode pad_mode = PadMode::Zeros;  ///< What the elements around x are.
};

/// y = activation(w * x + b), a cross-correlation (ops::conv has the formula): Lux's Conv,
/// torch.nn.Conv1d, Conv2d and Conv3d.
///
/// x: (batch, in_channels, spatial...), or one sample (in_channels, spatial...), of the parameters' dtype
/// and device; y: (batch, out_channels, spatial...) or (out_channels, spatial...) with
/// floor((size + low + high - dilation (kernel - 1) - 1) / stride) + 1 for each size. Parameters: weight
/// (out_channels, in_channels / groups, kernel...), bias (out_channels).
///
/// Lux has the weight's dimensions in reversed order, and flips its kernels in each call: to_lux and
/// from_lux reverse both, for a Lux layer with cross_correlation = true the dimensions alone
/// (LuxOptions). With cross_correlation = false the weight has the order of taps of Lux's default.
class LUXTORCH_API Conv {
 public:
  /// kernel: a size for each of 1 to 3 spatial dimensions. ArgumentError: another number of sizes; a size,
  /// a number of channels or an option below its least value; a list of another length than the options
  /// tell; channels that are not divisible by groups.
  Conv(Shape kernel, int64_t in_channels, int64_t out_channels, Activation activation = identity,
       ConvOptions options = {});
  /// Without an activation.
  Conv(Shape kernel, int64_t in_channels, int64_t out_channels, ConvOptions options)
      : Conv(std::move(kernel), in_channels, out_channels, identity, std::move(options)) {}

  /// weight, and bias unless the options leave it out.
  std::vector<ParameterSpec> parameters() const;
  /// ShapeError: x has another rank, number of channels, dtype or device; it is smaller than the kernel
  /// with the padding, or than pad_mode needs.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "Conv((3, 3), 1 => 8, relu, pad=1)".
  std::string label() const;

 private:
  Shape kernel_;
  int64_t in_channels_, out_channels_;
  Activation activation_;
  ConvOptions options_;  // with a number for each dimension
};

/// The options of ConvTranspose.
struct ConvTransposeOptions {
  /// Default: U(-b, b), b = 1 / sqrt(out_channels / groups * the product of the kernel's sizes), as
  /// torch.nn.ConvTranspose2d.
  Initializer init_weight = {};
  Initializer init_bias = {};     ///< Default: the same.
  Sizes stride = 1;               ///< Distance in y of what neighbors in x give, at least 1.
  Padding pad = 0;                ///< Elements cut off around y: numbers of at least 0, or SamePad.
  Sizes outpad = 0;               ///< Elements more behind y, at least 0.
  Sizes dilation = 1;             ///< Distance between the kernel's taps, at least 1.
  int64_t groups = 1;             ///< Blocks of channels, each with its own kernels.
  bool use_bias = true;           ///< False: no bias, also among the parameters.
  bool cross_correlation = true;  ///< False: the kernel is flipped in each call, as Lux's is.
};

/// y = activation(what Conv's gradient by its input is + b) (ops::conv_transpose has the formula): Lux's
/// ConvTranspose, torch.nn.ConvTranspose1d, ConvTranspose2d and ConvTranspose3d.
///
/// x: (batch, in_channels, spatial...), or one sample (in_channels, spatial...), of the parameters' dtype
/// and device; y: (batch, out_channels, spatial...) or (out_channels, spatial...) with
/// (size - 1) stride + dilation (kernel - 1) + 1 - low - high + outpad for each size. With SamePad and
/// dilation 1 that is size stride. Parameters: weight (in_channels, out_channels / groups, kernel...),
/// bias (out_channels). The weight in Lux is as that of Conv.
class LUXTORCH_API ConvTranspose {
 public:
  /// kernel: a size for each of 1 to 3 spatial dimensions. ArgumentError: as Conv; SamePad with a kernel
  /// below its stride.
  ConvTranspose(Shape kernel, int64_t in_channels, int64_t out_channels,
                Activation activation = identity, ConvTransposeOptions options = {});
  /// Without an activation.
  ConvTranspose(Shape kernel, int64_t in_channels, int64_t out_channels,
                ConvTransposeOptions options)
      : ConvTranspose(std::move(kernel), in_channels, out_channels, identity, std::move(options)) {}

  /// weight, and bias unless the options leave it out.
  std::vector<ParameterSpec> parameters() const;
  /// ShapeError: x has another rank, number of channels, dtype or device; a size of y would be below 1.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "ConvTranspose((4, 4), 8 => 1, pad=1, stride=2)".
  std::string label() const;

 private:
  Shape kernel_;
  int64_t in_channels_, out_channels_;
  Activation activation_;
  ConvTransposeOptions options_;  // with a number for each dimension
};

}  // namespace luxtorch
