// RReLU: relu with a random slope below 0.
//
//     Chain(Dense(2, 8), RReLU(), Dense(8, 1))
//     RReLU(0.1, 0.3)                          // slopes from 0.1 to 0.3
//
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"

namespace luxtorch {

/// y = x above 0, else a x (Xu et al. 2015): NNlib's rrelu, torch.nn.RReLU. In training each element
/// has its own a, uniform from lower to upper; in test mode a is their mean. x: floating, any shape; y:
/// the same. States: rng, a new one after each call in training, and training, a bool.
class LUXTORCH_API RReLU {
 public:
  /// ArgumentError unless lower <= upper.
  explicit RReLU(double lower = 1.0 / 8, double upper = 1.0 / 3);

  /// rng, and training = true.
  std::vector<StateSpec> states() const;
  /// ShapeError: x has no floating dtype.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "RReLU(0.1, 0.3)"; "RReLU()" with the default numbers.
  std::string label() const;

 private:
  double lower_, upper_;
};

}  // namespace luxtorch
