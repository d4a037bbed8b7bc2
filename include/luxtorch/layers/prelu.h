// PReLU: relu with a learned slope below 0.
//
//     PReLU()              // one slope for all
//     PReLU(8)             // a slope for each of 8 channels
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/init.h"
#include "luxtorch/layer.h"

namespace luxtorch {

/// The options of PReLU.
struct PReLUOptions {
  Initializer init_weight = {};  ///< Default: 0.25 everywhere, as torch.nn.PReLU.
};

/// y = x above 0, else weight * x (He et al. 2015): torch.nn.PReLU; Lux has no such layer. x: any shape
/// with one slope, else (batch, channels, ...), of the parameters' dtype and device; y: the same.
/// Parameters: weight (channels), of one slope (1).
class LUXTORCH_API PReLU {
 public:
  /// One slope for all elements.
  explicit PReLU(PReLUOptions options = {}) : PReLU(1, std::move(options)) {}
  /// A slope for each channel; of 1 for all elements. ArgumentError: channels below 1.
  explicit PReLU(int64_t channels, PReLUOptions options = {});

  /// weight.
  std::vector<ParameterSpec> parameters() const;
  /// y, and st unchanged. ShapeError: another number of channels, dtype or device.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "PReLU(8)"; "PReLU()" with one slope.
  std::string label() const;

 private:
  int64_t channels_;
  PReLUOptions options_;
};

}  // namespace luxtorch
