// RMSNorm: each sample's features divided by the root of their mean square, and scaled.
//
//     RMSNorm(64)                            // the last dimension, of 64 features
//     RMSNorm({4, 5}, {.epsilon = 1e-6})     // the last two together
#pragma once

#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/init.h"
#include "luxtorch/layer.h"

namespace luxtorch {

/// The options of RMSNorm.
struct RMSNormOptions {
  double epsilon = 1e-5;        ///< Added to the mean square, at least 0.
  bool affine = true;           ///< False: no scale, and no parameters.
  Initializer init_scale = {};  ///< Default: ones.
};

/// y = x / sqrt(mean(x^2) + epsilon) * scale, the mean over the last dimensions of each sample (Zhang
/// and Sennrich 2019): Lux's RMSNorm, torch.nn.RMSNorm, whose default epsilon is the dtype's (1.2e-7 in
/// float32). x: (..., shape) of the parameters' dtype and device, or of half precision with float32
/// parameters; y: the same, of x's dtype. Parameters, with affine: scale (shape). No states: training
/// and test mode are alike.
class LUXTORCH_API RMSNorm {
 public:
  /// ArgumentError: shape is empty, a size is below 1, or epsilon below 0.
  explicit RMSNorm(std::vector<int64_t> shape, RMSNormOptions options = {});
  /// Of the last dimension.
  explicit RMSNorm(int64_t features, RMSNormOptions options = {})
      : RMSNorm(std::vector<int64_t>{features}, std::move(options)) {}

  /// scale (weight in PyTorch), none without affine. In Lux its dimensions are reversed.
  std::vector<ParameterSpec> parameters() const;
  /// y, and st unchanged. ShapeError: other last sizes, dtype or device.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "RMSNorm((64,))".
  std::string label() const;

 private:
  std::vector<int64_t> shape_;
  RMSNormOptions options_;
};

}  // namespace luxtorch
