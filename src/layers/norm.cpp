#include "luxtorch/layers/norm.h"

#include <ATen/ops/batch_norm.h>

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
  const bool narrow = dtype == Dtype::Half || dtype == Dtype::BFloat16;
  const Tensor x = narrow ? given.to(kFloat32) : given;
  std::vector<int64_t> dims{0};
  for (int64_t d = 2; d < x.dim(); ++d) dims.push_back(d);
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
  return {
      {.name = "scale",
       .shape = {channels},
       .init = or_constant(options.init_scale, init::ones),
       .torch = {.name = "weight"}},
      {.name = "bias", .shape = {channels}, .init = or_constant(options.init_bias, init::zeros)}};
}

}  // namespace

BatchNorm::BatchNorm(int64_t channels, Activation activation, BatchNormOptions options)
    : channels_(channels), activation_(activation), options_(std::move(options)) {
  check_positive("BatchNorm", "channels", channels);
  auto check = [](const char* name, double value, bool fine, const char* range) {
    if (fine) return;
    throw ArgumentError("BatchNorm", fmt::format("expected .{} {}, got {}.", name, range, value));
  };
  double m = options_.momentum, e = options_.epsilon;
  check("momentum", m, m >= 0 && m <= 1, "from 0 to 1");
  check("epsilon", e, e >= 0, "of at least 0");
}

std::vector<ParameterSpec> BatchNorm::parameters() const {
  return scale_and_bias(channels_, options_);
}

std::vector<StateSpec> BatchNorm::states() const {
  if (!options_.track_stats) return {{"training", true}};
  return {{"running_mean", {channels_}, init::zeros},
          {"running_var", {channels_}, init::ones},
          {"training", true},
          StateSpec::only_in_torch("num_batches_tracked", zeros({}, {.dtype = kInt64}))};
}

Out<Tensor> BatchNorm::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  if (x.dim() < 2 || x.size(1) != channels_) {
    fail(*this, fmt::format("expected x of shape (batch, {}, ...), got {}.", channels_,
                            shape_text(x.sizes())));
  }
  bool training = st["training"].scalar<bool>();
  bool of_the_batch = training || !options_.track_stats;
  if (of_the_batch && x.numel() <= channels_) {
    fail(*this, fmt::format("expected more than one value per channel{}, got x of shape {}. Use "
                            "larger batches{}.",
                            training ? " in training" : "", shape_text(x.sizes()),
                            options_.track_stats ? ", or testmode(st)" : ""));
  }
  std::optional<Tensor> scale, bias, mean, var;
  if (options_.affine) {
    scale = ps["scale"].tensor(), bias = ps["bias"].tensor();
    check_alike(*this, "x", x, *scale);
  }
  Tree st2 = st;
  if (options_.track_stats) {
    mean = st["running_mean"].tensor(), var = st["running_var"].tensor();
    if (mean->scalar_type() != x.scalar_type() || mean->device() != x.device()) {
      fail(*this, fmt::format("expected x of dtype {} on {} like the states, got {} on {}. Move or "
                              "convert the states too: tree::to(st, ...).",
                              dtype_text(mean->scalar_type()), mean->device().str(),
                              dtype_text(x.scalar_type()), x.device().str()));
    }
  }
  auto of_shape = [&](const Tensor& t) {  // (channels) beside x
    std::vector<int64_t> shape(static_cast<size_t>(x.dim()) - 1, 1);
    shape[0] = channels_;
    return t.reshape(shape);
  };
  Tensor y;
  if (of_the_batch && transforms::active()) {
    auto batch = by_the_batch(x, options_.epsilon);
    y = batch.y;
    if (scale) y = y.mul(of_shape(*scale)).add(of_shape(*bias));
    if (options_.track_stats) {
      auto moved = [&](const Tensor& running, const Tensor& now) {
        return running.mul(1 - options_.momentum).add(transforms::detached(now), options_.momentum);
      };
      st2 = st.with("running_mean", moved(*mean, batch.mean))
                .with("running_var", moved(*var, batch.var));
    }
  } else {
    if (training && options_.track_stats) {  // torch updates them in place: clones of its own
      mean = mean->clone(), var = var->clone();
      st2 = st.with("running_mean", *mean).with("running_var", *var);
    }
    y = at::batch_norm(x, scale, bias, mean, var, of_the_batch, options_.momentum, options_.epsilon,
                       /*cudnn_enabled=*/true);
  }
  y = activation_(y);
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

}  // namespace luxtorch
