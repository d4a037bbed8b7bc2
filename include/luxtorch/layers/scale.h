// Scale: y = activation(x * weight + bias), element by element.
//
//     Scale(8)                                // a weight and a bias for each of 8 features
//     Scale({4, 8}, lux::relu)                // for each element of the last two dimensions
//     Scale(8, {.use_bias = false})
#pragma once

#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/init.h"
#include "luxtorch/layer.h"
#include "luxtorch/ops/activation.h"

namespace luxtorch {

/// The options of Scale.
struct ScaleOptions {
  Initializer init_weight = {};  ///< default: ones
  Initializer init_bias = {};    ///< default: zeros
  bool use_bias = true;          ///< whether there is a bias
};

/// An element-wise product and sum with parameters of the shape `dims`, as Lux.Scale.
///
/// x: (..., dims), of the parameters' dtype and device; a size of 1 in x or in dims broadcasts.
/// y: the broadcast shape. Parameters: weight (dims), and bias (dims) unless .use_bias is false.
class LUXTORCH_API Scale {
 public:
  /// ArgumentError: dims is empty, or a size is below 1.
  Scale(std::vector<int64_t> dims, Activation activation = identity, ScaleOptions options = {});
  /// Without an activation.
  Scale(std::vector<int64_t> dims, ScaleOptions options)
      : Scale(std::move(dims), identity, std::move(options)) {}
  /// One weight for each feature of the last dimension.
  Scale(int64_t features, Activation activation = identity, ScaleOptions options = {})
      : Scale(std::vector<int64_t>{features}, activation, std::move(options)) {}
  /// Of the last dimension, without an activation.
  Scale(int64_t features, ScaleOptions options) : Scale(features, identity, std::move(options)) {}

  /// weight and bias as the options say; in Lux their dimensions are reversed.
  std::vector<ParameterSpec> parameters() const;
  /// y, and st unchanged. ShapeError: an x that does not fit.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "Scale(4, 8, relu)".
  std::string label() const;

 private:
  std::vector<int64_t> dims_;
  Activation activation_;
  ScaleOptions options_;
};

}  // namespace luxtorch
