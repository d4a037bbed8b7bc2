// BatchNorm, with its running statistics in the states, GroupNorm and InstanceNorm.
//
//     BatchNorm(8, lux::relu)
//     GroupNorm(8, 4, lux::relu)              // 8 channels in 4 groups
//     InstanceNorm(8, {.affine = true})       // each channel of each sample
//     BatchNorm(8, {.group = group})          // statistics of the whole batch of several processes
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/group.h"
#include "luxtorch/init.h"
#include "luxtorch/layer.h"
#include "luxtorch/ops/activation.h"

namespace luxtorch {

/// The options of BatchNorm.
struct BatchNormOptions {
  Initializer init_bias = {};   ///< Default: zeros.
  Initializer init_scale = {};  ///< Default: ones.
  bool affine = true;           ///< False: no scale and bias, and no parameters.
  bool track_stats = true;      ///< False: no running statistics; test mode takes the batch's.
  double epsilon = 1e-5;        ///< Added to the variance, at least 0.
  double momentum = 0.1;        ///< 0 to 1: new = (1 - momentum) * old + momentum * batch's.
  /// The processes whose rows are one batch in training, as torch.nn.SyncBatchNorm's process group: see
  /// BatchNorm. One process: as without.
  Group group = {};
};

/// y = activation((x - mean) / sqrt(var + epsilon) * scale + bias) for each channel (Ioffe and
/// Szegedy 2015). x: (batch, channels, ...) of the dtype and device of parameters and states, or of half
/// precision with float32 ones; y: the same, of x's dtype. In training, mean and (biased) variance
/// are those of the batch; in test mode the running ones. Parameters, with affine: scale, bias
/// (channels). States: running_mean, running_var (channels), if tracked (the variance unbiased, as
/// in torch and Lux), and training, a bool.
///
/// With a group of several processes, mean and variance in training are those of all processes' rows, and so
/// are the new states, the same on each. y and the gradients are those of one process with the whole batch, up to
/// rounding: of the loss of a TrainState with the same group, whatever its weights, or of the mean over all rows,
/// group.mean(grads, rows), where each process' loss is the mean over its own.
/// Parts may have a single row or none; but a TrainState does not call the model of a part without rows or of weight
/// 0. Every process must call the layer, and take the gradient, equally often, with as many micro-batches,
/// since each of these waits for the others: one message to normalize, one in the backward pass. In test mode there are
/// no messages; without track_stats it takes the statistics of its own rows.
class LUXTORCH_API BatchNorm {
 public:
  /// ArgumentError: channels below 1, epsilon below 0, or momentum outside 0 to 1.
  explicit BatchNorm(int64_t channels, Activation activation = identity,
                     BatchNormOptions options = {});
  /// Without an activation.
  BatchNorm(int64_t channels, BatchNormOptions options)
      : BatchNorm(channels, identity, std::move(options)) {}

  /// scale (weight in PyTorch) and bias, none without affine.
  std::vector<ParameterSpec> parameters() const;
  /// running_mean 0 and running_var 1 if they are tracked; training = true. PyTorch's
  /// num_batches_tracked is not counted here.
  std::vector<StateSpec> states() const;
  /// ShapeError: x has another number of channels; its dtype or device is not that of the
  /// parameters or states; the statistics are the batch's, and it has no more than one value per
  /// channel, with a group on all processes together. UnsupportedError: in training with a group of several
  /// processes, a transform such as jvp or vmap, or a gradient that records a graph for another one.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "BatchNorm(8, relu)"; of several processes "BatchNorm(8, group of 4)".
  std::string label() const;

 private:
  int64_t channels_;
  Activation activation_;
  BatchNormOptions options_;
};

/// The options of GroupNorm.
struct GroupNormOptions {
  Initializer init_bias = {};   ///< Default: zeros.
  Initializer init_scale = {};  ///< Default: ones.
  bool affine = true;           ///< False: no scale and bias, and no parameters.
  double epsilon = 1e-5;        ///< Added to the variance, at least 0.
};

/// y = activation((x - mean) / sqrt(var + epsilon) * scale + bias), mean and biased variance over each
/// sample and each group of channels / groups consecutive channels (Wu and He 2018): Lux's GroupNorm,
/// torch.nn.GroupNorm. x: (batch, channels, ...) of the parameters' dtype and device, or of half
/// precision with float32 parameters; y: the same, of x's dtype. Parameters, with affine: scale, bias
/// (channels). No states: training and test mode are alike.
class LUXTORCH_API GroupNorm {
 public:
  /// ArgumentError: channels or groups below 1, channels not divisible by groups, or epsilon below 0.
  GroupNorm(int64_t channels, int64_t groups, Activation activation = identity,
            GroupNormOptions options = {});
  /// Without an activation.
  GroupNorm(int64_t channels, int64_t groups, GroupNormOptions options)
      : GroupNorm(channels, groups, identity, std::move(options)) {}

  /// scale (weight in PyTorch) and bias, none without affine.
  std::vector<ParameterSpec> parameters() const;
  /// y, and st unchanged. ShapeError: another number of channels, dtype or device.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "GroupNorm(8, 4, relu)".
  std::string label() const;

 private:
  int64_t channels_, groups_;
  Activation activation_;
  GroupNormOptions options_;
};

/// The options of InstanceNorm.
struct InstanceNormOptions {
  Initializer init_bias = {};   ///< Default: zeros.
  Initializer init_scale = {};  ///< Default: ones.
  bool affine = false;          ///< True: scale and bias, the only parameters.
  bool track_stats = false;     ///< True: running statistics, which test mode takes.
  double epsilon = 1e-5;        ///< Added to the variance, at least 0.
  double momentum = 0.1;        ///< 0 to 1: new = (1 - momentum) * old + momentum * batch's.
};

/// y = activation((x - mean) / sqrt(var + epsilon) * scale + bias), mean and biased variance over each
/// channel of each sample (Ulyanov et al. 2016): Lux's InstanceNorm, torch.nn.InstanceNorm1d to 3d. x:
/// (batch, channels, ...) with one more dimension at least, of the dtype and device of parameters and
/// states, or of half precision with float32 ones; y: the same, of x's dtype. In test mode mean and
/// variance are the running ones, if they are tracked. Parameters, with affine: scale, bias (channels).
/// States: running_mean, running_var (channels), if tracked: the batch's means of the samples' means
/// and unbiased variances, which a batch without samples leaves as they are; and training, a bool.
class LUXTORCH_API InstanceNorm {
 public:
  /// ArgumentError: channels below 1, epsilon below 0, or momentum outside 0 to 1.
  explicit InstanceNorm(int64_t channels, Activation activation = identity,
                        InstanceNormOptions options = {});
  /// Without an activation.
  InstanceNorm(int64_t channels, InstanceNormOptions options)
      : InstanceNorm(channels, identity, std::move(options)) {}

  /// scale (weight in PyTorch) and bias with affine, else none.
  std::vector<ParameterSpec> parameters() const;
  /// As of BatchNorm: training = true, before it running_mean 0 and running_var 1 if they are tracked.
  std::vector<StateSpec> states() const;
  /// ShapeError: x has no dimension behind the channels, or another number of them; its dtype or device
  /// is not that of the parameters or states; the statistics are the sample's, and a channel has one
  /// value.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "InstanceNorm(8, relu, affine=true)".
  std::string label() const;

 private:
  int64_t channels_;
  Activation activation_;
  InstanceNormOptions options_;
};

}  // namespace luxtorch
