#include "luxtorch/layers/norm.h"

#include <ATen/ops/batch_norm.h>

#include "layers/check.h"

namespace luxtorch {

BatchNorm::BatchNorm(int64_t channels, Activation activation, BatchNormOptions options)
    : channels_(channels), activation_(activation), options_(std::move(options)) {
  check_positive("BatchNorm", "channels", channels);
}

Tree BatchNorm::initial_parameters(Rng rng) const {
  if (!options_.affine) return named({});
  auto make = [&](const char* name, const Initializer& chosen, double value) {
    return chosen ? chosen(rng.fold_in(name), {channels_}) : init::Constant{value}(rng, {channels_});
  };
  return named({{"scale", make("scale", options_.init_scale, 1)}, {"bias", make("bias", options_.init_bias, 0)}});
}

Tree BatchNorm::initial_states(Rng rng) const {
  if (!options_.track_stats) return named({{"training", true}});
  return named({{"running_mean", init::zeros(rng, {channels_})},
                {"running_var", init::ones(rng, {channels_})},
                {"training", true}});
}

Out<Tensor> BatchNorm::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  if (x.dim() < 2 || x.size(1) != channels_) {
    fail(*this, "expected x of shape (batch, " + std::to_string(channels_) + ", ...), got " + shape_text(x.sizes()) + ".");
  }
  bool training = st["training"].scalar<bool>();
  if (training && x.numel() <= channels_) {
    fail(*this, "expected more than one value per channel in training, got x of shape " + shape_text(x.sizes()) +
                    ". Use larger batches, or testmode(st).");
  }
  std::optional<Tensor> scale, bias, mean, var;
  if (options_.affine) {
    scale = ps["scale"].tensor(), bias = ps["bias"].tensor();
    check_input(*this, x.movedim(1, -1), channels_, *scale, "batch, ..., ", 2, x.dim());
  }
  Tree st2 = st;
  if (options_.track_stats) {
    mean = st["running_mean"].tensor(), var = st["running_var"].tensor();
    if (training) {  // torch updates them in place: clones of its own
      mean = mean->clone(), var = var->clone();
      st2 = named({{"running_mean", *mean}, {"running_var", *var}, {"training", true}});
    }
  }
  auto y = activation_(at::batch_norm(x, scale, bias, mean, var, training || !options_.track_stats, options_.momentum,
                                      options_.epsilon, /*cudnn_enabled=*/true));
  detail::report(*this, y);
  return {std::move(y), std::move(st2)};
}

std::string BatchNorm::label() const {
  std::string s = "BatchNorm(" + std::to_string(channels_);
  if (activation_ != identity) s += std::string(", ") + activation_.name();
  if (!options_.affine) s += ", affine=false";
  if (!options_.track_stats) s += ", track_stats=false";
  return s + ")";
}

}  // namespace luxtorch
