// Dense: y = activation(x W^T + b).
//
//     Dense(8, 1, lux::sigmoid)
//     Dense(8, 1, {.use_bias = false})
//
// Level 3.
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/init.h"
#include "luxtorch/layer.h"
#include "luxtorch/ops/activation.h"

namespace luxtorch {

struct DenseOptions {
  Initializer init_weight = {};  // default: U(-b, b), b = 1 / sqrt(in_dims), as torch.nn.Linear
  Initializer init_bias = {};    // default: the same
  bool use_bias = true;
};

/// x: (..., in_dims) of the parameters' dtype and device; y: (..., out_dims).
/// Parameters: weight (out_dims, in_dims), bias (out_dims).
class LUXTORCH_API Dense {
 public:
  Dense(int64_t in_dims, int64_t out_dims, Activation activation = identity,
        DenseOptions options = {});
  Dense(int64_t in_dims, int64_t out_dims, DenseOptions options)
      : Dense(in_dims, out_dims, identity, std::move(options)) {}

  Tree initial_parameters(Rng rng) const;
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  std::string label() const;

  int64_t in_dims() const { return in_dims_; }
  int64_t out_dims() const { return out_dims_; }
  const Activation& activation() const { return activation_; }

 private:
  int64_t in_dims_, out_dims_;
  Activation activation_;
  DenseOptions options_;
};

}  // namespace luxtorch
