#include "luxtorch/layers/norm.h"

#include <ATen/ops/batch_norm.h>

#include "group_backend.h"
#include "layers/batch_norm_group.h"
#include "layers/check.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/ops/normalization.h"
#include "transforms.h"

namespace luxtorch {

namespace {

struct Normalized {
  Tensor y, mean, var;  // var as running_var has it, for n - 1 values
};

// By the batch's own statistics in plain operators, which derivatives of every kind and order know: the forward rule of
// torch's batch_norm takes the statistics for constants when it is differentiated (pytorch/pytorch issue 196699), and its
// rule for vmap updates no states.
Normalized by_the_batch(const Tensor& given, double epsilon) {
  const Dtype dtype = given.scalar_type();
  const Tensor x = is_half(dtype) ? given.to(kFloat32) : given;
  const std::vector<int64_t> dims = all_but_channels(x);
  const auto n = static_cast<double>(x.numel()) / static_cast<double>(x.size(1));
  const Tensor mean = x.mean(dims, /*keepdim=*/true), from_mean = x.sub(mean);
  const Tensor var = from_mean.square().mean(dims, /*keepdim=*/true);
  const Tensor y = from_mean.mul(var.add(epsilon).rsqrt());
  auto of_channels = [&](const Tensor& t) { return t.reshape({x.size(1)}).to(dtype); };
  return {y.to(dtype), of_channels(mean), of_channels(var.mul(n / (n - 1)))};
}

template <class Options>
std::vector<ParameterSpec> scale_and_bias(int64_t channels, const Options& options) {
  if (!options.affine) return {};
  auto or_constant = [](const Initializer& chosen, const init::Constant& constant) -> Initializer {
    return chosen ? chosen : constant;
  };
  return {{.name = "scale",
           .shape = {channels},
           .init = or_constant(options.init_scale, init::ones),
           .keeps_float32 = true,
           .torch = {.name = "weight"}},
          {.name = "bias",
           .shape = {channels},
           .init = or_constant(options.init_bias, init::zeros),
           .keeps_float32 = true}};
}

std::vector<StateSpec> statistics(int64_t channels, bool tracked) {
  if (!tracked) return {{"training", true}};
  return {{"running_mean", {channels}, init::zeros},
          {"running_var", {channels}, init::ones},
          {"training", true},
          StateSpec::only_in_torch("num_batches_tracked", zeros({}, {.dtype = kInt64}))};
}

void check_momentum(const char* layer, double momentum) {
  if (momentum >= 0 && momentum <= 1) return;
  throw ArgumentError(layer, fmt::format("expected .momentum from 0 to 1, got {}.", momentum));
}

template <class L>
void check_states(const L& layer, const Tensor& x, const Tensor& mean) {
  if (mean.scalar_type() == x.scalar_type() && mean.device() == x.device()) return;
  fail(layer, fmt::format("expected x of dtype {} on {} like the states, got {} on {}. Move or "
                          "convert the states too: tree::to(st, ...).",
                          dtype_text(mean.scalar_type()), mean.device().str(),
                          dtype_text(x.scalar_type()), x.device().str()));
}

}  // namespace

BatchNorm::BatchNorm(int64_t channels, Activation activation, BatchNormOptions options)
    : channels_(channels), activation_(activation), options_(std::move(options)) {
  check_positive("BatchNorm", "channels", channels);
  check_momentum("BatchNorm", options_.momentum);
  check_epsilon("BatchNorm", options_.epsilon);
}

std::vector<ParameterSpec> BatchNorm::parameters() const {
  return scale_and_bias(channels_, options_);
}

std::vector<StateSpec> BatchNorm::states() const {
  return statistics(channels_, options_.track_stats);
}

Out<Tensor> BatchNorm::operator()(const Tensor& given, const Tree& ps, const Tree& st) const {
  Tensor x = given;
  if (x.dim() < 2 || x.size(1) != channels_) {
    fail(*this, fmt::format("expected x of shape (batch, {}, ...), got {}.", channels_,
                            shape_text(x.sizes())));
  }
  if (!options_.affine) check_floating(*this, x);
  bool training = st["training"].scalar<bool>();
  bool of_the_batch = training || !options_.track_stats;
  const bool together = training && options_.group.size() > 1;
  if (of_the_batch && !together && x.numel() <= channels_) {
    fail(*this, fmt::format("expected more than one value per channel{}, got x of shape {}. Use "
                            "larger batches{}.",
                            training ? " in training" : "", shape_text(x.sizes()),
                            options_.track_stats ? ", or testmode(st)" : ""));
  }
  std::optional<Tensor> scale, bias, mean, var;
  if (options_.affine) {
    scale = ps["scale"].tensor(), bias = ps["bias"].tensor();
    check_alike_or_half(*this, "x", x, *scale);
  }
  Tree st2 = st;
  if (options_.track_stats) mean = st["running_mean"].tensor(), var = st["running_var"].tensor();
  auto is_float32 = [](const std::optional<Tensor>& t) {
    return t && t->scalar_type() == kFloat32;
  };
  if (is_half(x.scalar_type()) && (is_float32(scale) || is_float32(mean))) x = x.to(kFloat32);
  if (scale) scale = scale->to(x.scalar_type()), bias = bias->to(x.scalar_type());
  if (mean) check_states(*this, x, *mean);
  auto of_shape = [&](const Tensor& t) {  // (channels) beside x
    std::vector<int64_t> shape(static_cast<size_t>(x.dim()) - 1, 1);
    shape[0] = channels_;
    return t.reshape(shape);
  };
  Tensor y;
  auto keep_statistics = [&](const Tensor& of_batch, const Tensor& unbiased) {
    if (!options_.track_stats) return;
    auto moved = [&](const Tensor& running, const Tensor& now) {
      return running.mul(1 - options_.momentum)
          .add(transforms::detached(now).to(running.scalar_type()), options_.momentum);
    };
    st2 =
        st.with("running_mean", moved(*mean, of_batch)).with("running_var", moved(*var, unbiased));
  };
  if (together && !x.is_meta()) {
    using detail::widened;
    if (scale) scale = widened(*scale), bias = widened(*bias);
    auto batch = normalize_together(options_.group, widened(x), scale, bias, options_.epsilon);
    y = batch.y;
    keep_statistics(batch.mean, batch.var);
  } else if (of_the_batch && transforms::active()) {
    auto batch = by_the_batch(x, options_.epsilon);
    y = batch.y;
    if (scale) y = y.mul(of_shape(*scale)).add(of_shape(*bias));
    keep_statistics(batch.mean, batch.var);
  } else {
    if (training && options_.track_stats) {  // torch updates them in place: clones of its own
      mean = mean->clone(), var = var->clone();
      st2 = st.with("running_mean", *mean).with("running_var", *var);
    }
    y = at::batch_norm(x, scale, bias, mean, var, of_the_batch, options_.momentum, options_.epsilon,
                       /*cudnn_enabled=*/true);
  }
  y = activation_(y.to(given.scalar_type()));
  detail::report(*this, y);
  return {std::move(y), std::move(st2)};
}

std::string BatchNorm::label() const {
  std::string s = "BatchNorm(" + std::to_string(channels_);
  if (activation_ != identity) s += std::string(", ") + activation_.name();
  if (!options_.affine) s += ", affine=false";
  if (!options_.track_stats) s += ", track_stats=false";
  if (options_.group.size() > 1) s += fmt::format(", group of {}", options_.group.size());
  return s + ")";
}

GroupNorm::GroupNorm(int64_t channels, int64_t groups, Activation activation,
                     GroupNormOptions options)
    : channels_(channels), groups_(groups), activation_(activation), options_(std::move(options)) {
  check_positive("GroupNorm", "channels", channels);
  check_positive("GroupNorm", "groups", groups);
  if (channels % groups != 0) {
    throw ArgumentError("GroupNorm",
                        fmt::format("expected channels divisible by groups, got {} channels and {} "
                                    "groups.",
                                    channels, groups));
  }
  check_epsilon("GroupNorm", options_.epsilon);
}

std::vector<ParameterSpec> GroupNorm::parameters() const {
  return scale_and_bias(channels_, options_);
}

Out<Tensor> GroupNorm::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  if (x.dim() < 2 || x.size(1) != channels_) {
    fail(*this, fmt::format("expected x of shape (batch, {}, ...), got {}.", channels_,
                            shape_text(x.sizes())));
  }
  if (!options_.affine) check_floating(*this, x);
  Tensor scale, bias;
  if (options_.affine) {
    scale = ps["scale"].tensor(), bias = ps["bias"].tensor();
    check_alike_or_half(*this, "x", x, scale);
  }
  auto y = activation_(ops::groupnorm(x, scale, bias, groups_, options_.epsilon));
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string GroupNorm::label() const {
  return fmt::format("GroupNorm({}, {}{}{})", channels_, groups_,
                     activation_ == identity ? "" : std::string(", ") + activation_.name(),
                     options_.affine ? "" : ", affine=false");
}

InstanceNorm::InstanceNorm(int64_t channels, Activation activation, InstanceNormOptions options)
    : channels_(channels), activation_(activation), options_(std::move(options)) {
  check_positive("InstanceNorm", "channels", channels);
  check_momentum("InstanceNorm", options_.momentum);
  check_epsilon("InstanceNorm", options_.epsilon);
}

std::vector<ParameterSpec> InstanceNorm::parameters() const {
  return scale_and_bias(channels_, options_);
}

std::vector<StateSpec> InstanceNorm::states() const {
  return statistics(channels_, options_.track_stats);
}

Out<Tensor> InstanceNorm::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  if (x.dim() < 3 || x.size(1) != channels_) {
    fail(*this, fmt::format("expected x of shape (batch, {}, ...) with a dimension behind the "
                            "channels, got {}.",
                            channels_, shape_text(x.sizes())));
  }
  if (!options_.affine) check_floating(*this, x);
  const bool training = st["training"].scalar<bool>(), tracked = options_.track_stats;
  const bool of_the_sample = training || !tracked;
  std::vector<int64_t> dims;
  int64_t values = 1;  // of a channel
  for (int64_t d = 2; d < x.dim(); ++d) dims.push_back(d), values *= x.size(d);
  if (of_the_sample && values < 2) {
    fail(*this, fmt::format("expected more than one value per channel of a sample{}, got x of "
                            "shape {}.{}",
                            tracked ? " in training" : "", shape_text(x.sizes()),
                            tracked ? " In test mode, testmode(st), one is enough." : ""));
  }
  Tensor scale, bias;
  if (options_.affine) {
    scale = ps["scale"].tensor(), bias = ps["bias"].tensor();
    check_alike_or_half(*this, "x", x, scale);
  }
  Tensor mean, var, wide = x;
  if (tracked) {
    mean = st["running_mean"].tensor(), var = st["running_var"].tensor();
    if (is_half(x.scalar_type()) && mean.scalar_type() == kFloat32) wide = x.to(kFloat32);
    check_states(*this, wide, mean);
  }
  Tree st2 = st;
  Tensor y;
  if (of_the_sample) {
    y = ops::instancenorm(x, scale, bias, options_.epsilon);
    if (tracked && x.size(0) > 0) {
      auto moved = [&](const Tensor& running, const Tensor& now) {
        return running.mul(1 - options_.momentum)
            .add(transforms::detached(now.mean(0)), options_.momentum);
      };
      st2 = st.with("running_mean", moved(mean, wide.mean(dims)))
                .with("running_var", moved(var, wide.var(dims, /*unbiased=*/true)));
    }
  } else {
    auto wide_or_none = [&](const Tensor& t) {
      return t.defined() ? std::optional(t.to(wide.scalar_type())) : std::nullopt;
    };
    y = at::batch_norm(wide, wide_or_none(scale), wide_or_none(bias), mean, var,
                       /*training=*/false, options_.momentum, options_.epsilon,
                       /*cudnn_enabled=*/true)
            .to(x.scalar_type());
  }
  y = activation_(y);
  detail::report(*this, y);
  return {std::move(y), std::move(st2)};
}

std::string InstanceNorm::label() const {
  return fmt::format("InstanceNorm({}{}{}{})", channels_,
                     activation_ == identity ? "" : std::string(", ") + activation_.name(),
                     options_.affine ? ", affine=true" : "",
                     options_.track_stats ? ", track_stats=true" : "");
}

}  // namespace luxtorch
