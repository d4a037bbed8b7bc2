// BatchNorm, with its running statistics in the states.
//
// Level 3.
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/init.h"
#include "luxtorch/layer.h"
#include "luxtorch/ops/activation.h"

namespace luxtorch {

struct BatchNormOptions {
  Initializer init_bias = {};   // default: zeros
  Initializer init_scale = {};  // default: ones
  bool affine = true;
  bool track_stats = true;
  double epsilon = 1e-5;
  double momentum = 0.1;  // new = (1 - momentum) * old + momentum * batch's
};

/// y = activation((x - mean) / sqrt(var + epsilon) * scale + bias) for each channel (Ioffe and
/// Szegedy 2015). x: (batch, channels, ...); in training mean and (biased) variance are the
/// batch's, in test mode the running ones. Parameters with affine: scale, bias (channels). States:
/// running_mean, running_var (channels) if tracked (the variance unbiased, as torch and Lux keep
/// it), and training. One value per channel in training is a ShapeError.
class LUXTORCH_API BatchNorm {
 public:
  explicit BatchNorm(int64_t channels, Activation activation = identity,
                     BatchNormOptions options = {});
  BatchNorm(int64_t channels, BatchNormOptions options)
      : BatchNorm(channels, identity, std::move(options)) {}

  Tree initial_parameters(Rng rng) const;
  Tree initial_states(Rng rng) const;
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  std::string label() const;

 private:
  int64_t channels_;
  Activation activation_;
  BatchNormOptions options_;
};

}  // namespace luxtorch
