// LayerNorm: each sample's features with mean 0 and variance 1, scaled and shifted.
//
//     LayerNorm(64)                                    // the last dimension, of 64 features
//     LayerNorm({4, 5}, lux::relu, {.epsilon = 1e-6})  // the last two together
#pragma once

#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/init.h"
#include "luxtorch/layer.h"
#include "luxtorch/ops/activation.h"

namespace luxtorch {

/// The options of LayerNorm.
struct LayerNormOptions {
  double epsilon = 1e-5;  ///< Added to the variance, at least 0.
  /// The dimensions of x that mean and variance are taken over; negative ones count from the end.
  /// Default: the last ones, those of `shape`, as in PyTorch. Lux takes all, the batch too: for x of
  /// shape (batch, 64) that is {0, 1}.
  std::vector<int64_t> dims = {};
  bool affine = true;           ///< False: no scale and bias, and no parameters.
  bool use_bias = true;         ///< False: no bias, also among the parameters.
  Initializer init_bias = {};   ///< Default: zeros.
  Initializer init_scale = {};  ///< Default: ones.
};

/// y = activation((x - mean) / sqrt(var + epsilon) * scale + bias), mean and biased variance over the
/// last dimensions of each sample (Ba et al. 2016): torch.nn.LayerNorm, and Lux's LayerNorm but for
/// .dims. x: (..., shape) of the parameters' dtype and device, or of half precision with float32
/// parameters; y: the same, of x's dtype. Parameters, with affine: bias, scale (shape). No states:
/// training and test mode are alike.
class LUXTORCH_API LayerNorm {
 public:
  /// ArgumentError: shape is empty, a size is below 1, or epsilon below 0.
  explicit LayerNorm(std::vector<int64_t> shape, Activation activation = identity,
                     LayerNormOptions options = {});
  /// Without an activation.
  LayerNorm(std::vector<int64_t> shape, LayerNormOptions options)
      : LayerNorm(std::move(shape), identity, std::move(options)) {}
  /// Of the last dimension.
  explicit LayerNorm(int64_t features, Activation activation = identity,
                     LayerNormOptions options = {})
      : LayerNorm(std::vector<int64_t>{features}, activation, std::move(options)) {}
  /// Of the last dimension, without an activation.
  LayerNorm(int64_t features, LayerNormOptions options)
      : LayerNorm(features, identity, std::move(options)) {}

  /// bias, unless the options leave it out, and scale (weight in PyTorch); none without affine. In Lux
  /// their dimensions are reversed, with a 1 behind them. Of Lux's LayerNorm((features, 1)) for sequences, whose
  /// arrays are (features, 1, 1), drop the last 1 before from_lux.
  std::vector<ParameterSpec> parameters() const;
  /// y, and st unchanged. ShapeError: other last sizes, dtype or device. ArgumentError: x lacks one of
  /// .dims, or two of them are the same.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "LayerNorm((4, 5), relu)".
  std::string label() const;

 private:
  std::vector<int64_t> shape_;
  Activation activation_;
  LayerNormOptions options_;
};

}  // namespace luxtorch
