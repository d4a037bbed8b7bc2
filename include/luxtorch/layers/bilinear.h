// Bilinear: y = activation(x1 W x2 + b), a product of two inputs.
//
//     Bilinear(2, 3, 4, lux::relu)             // x1 has 2 features, x2 has 3, y has 4
//     Bilinear(3, 3, 4)                        // also of one tensor, used twice
//     Bilinear(2, 3, 4, {.use_bias = false})
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/init.h"
#include "luxtorch/layer.h"
#include "luxtorch/ops/activation.h"

namespace luxtorch {

/// The options of Bilinear.
struct BilinearOptions {
  /// Default: U(-b, b), b = 1 / sqrt(in1_dims), as torch.nn.Bilinear.
  Initializer init_weight = {};
  Initializer init_bias = {};  ///< Default: the same.
  bool use_bias = true;        ///< False: no bias, also among the parameters.
};

/// y_o = activation(sum over i, j of x1_i W_oij x2_j + b_o): Lux's Bilinear, torch.nn.Bilinear.
///
/// Input: a tuple (x1, x2), x1 (..., in1_dims) and x2 (..., in2_dims) with equal leading sizes, of the
/// parameters' dtype and device; or one tensor x, which stands for (x, x). y: (..., out_dims).
/// Parameters: weight (out_dims, in1_dims, in2_dims), bias (out_dims).
class LUXTORCH_API Bilinear {
 public:
  /// ArgumentError: in1_dims, in2_dims or out_dims is below 1.
  Bilinear(int64_t in1_dims, int64_t in2_dims, int64_t out_dims, Activation activation = identity,
           BilinearOptions options = {});
  /// Without an activation.
  Bilinear(int64_t in1_dims, int64_t in2_dims, int64_t out_dims, BilinearOptions options)
      : Bilinear(in1_dims, in2_dims, out_dims, identity, std::move(options)) {}

  /// weight, and bias unless the options leave it out.
  std::vector<ParameterSpec> parameters() const;
  /// Of two inputs. ShapeError: another last size, dtype or device; leading sizes that differ.
  Out<Tensor> operator()(const Tensor& x1, const Tensor& x2, const Tree& ps, const Tree& st) const;
  /// Of one tensor, used twice. ShapeError: as of two inputs.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "Bilinear((2, 3) => 4, relu)".
  std::string label() const;

 private:
  int64_t in1_dims_, in2_dims_, out_dims_;
  Activation activation_;
  BilinearOptions options_;
};

}  // namespace luxtorch
