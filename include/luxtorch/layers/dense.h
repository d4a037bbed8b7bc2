// Dense: y = activation(x W^T + b).
//
//     Dense(8, 1, lux::sigmoid)
//     Dense(8, 1, {.use_bias = false})
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/init.h"
#include "luxtorch/layer.h"
#include "luxtorch/ops/activation.h"

namespace luxtorch {

/// The options of Dense.
struct DenseOptions {
  Initializer init_weight = {};  ///< Default: U(-b, b), b = 1 / sqrt(in_dims), as torch.nn.Linear.
  Initializer init_bias = {};    ///< Default: the same.
  bool use_bias = true;          ///< False: no bias, also among the parameters.
};

/// y = activation(x W^T + b): Lux's Dense, torch.nn.Linear. x: (..., in_dims) of the parameters'
/// dtype and device; y: (..., out_dims). Parameters: weight (out_dims, in_dims), bias (out_dims).
class LUXTORCH_API Dense {
 public:
  /// ArgumentError: in_dims or out_dims is below 1.
  Dense(int64_t in_dims, int64_t out_dims, Activation activation = identity,
        DenseOptions options = {});
  /// Without an activation.
  Dense(int64_t in_dims, int64_t out_dims, DenseOptions options)
      : Dense(in_dims, out_dims, identity, std::move(options)) {}

  /// weight, and bias unless the options leave it out.
  std::vector<ParameterSpec> parameters() const;
  /// ShapeError: x has another last size, dtype or device.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "Dense(2 => 8, relu)".
  std::string label() const;

  /// The last size of x.
  int64_t in_dims() const { return in_dims_; }
  /// The last size of y.
  int64_t out_dims() const { return out_dims_; }
  /// The activation; identity if none was given.
  const Activation& activation() const { return activation_; }
  /// Whether it has a bias.
  bool use_bias() const { return options_.use_bias; }

 private:
  int64_t in_dims_, out_dims_;
  Activation activation_;
  DenseOptions options_;
};

}  // namespace luxtorch
