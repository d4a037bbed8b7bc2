// Losses and metrics over batches.
#pragma once

#include <vector>

#include "luxtorch/autodiff/objective.h"
#include "luxtorch/data/dataloader.h"
#include "luxtorch/fit/metric.h"
#include "luxtorch/group.h"
#include "luxtorch/train/train_state.h"

namespace luxtorch::detail {

/// The states of metrics, in their order.
class MetricStates {
 public:
  explicit MetricStates(std::vector<Metric> metrics);
  /// Those of no data.
  void reset_();
  /// After a batch (x, y) or (x, y, mask) and the model's output for it. ArgumentError: another batch or output.
  void update_(const Tree& batch, const Tree& output);
  /// Of all processes of the group, in their order: (name, value), float64.
  std::vector<std::pair<std::string, Tensor>> values(const Group& group) const;
  bool empty() const { return metrics_.empty(); }
  /// For a checkpoint: of each process of the group, by the metrics' names.
  Tree state(const Group& group) const;
  /// Takes this process' part; of another number of processes, rank 0 takes all. Metrics that it does not have stay.
  void set_state_(const Tree& state, const Group& group);

 private:
  std::vector<Metric> metrics_;
  std::vector<Tree> states_;
};

/// The objective, which also hands the model's output to `seen`, detached.
Objective watched(const Objective& objective,
                  std::function<void(const Tree& batch, const Tree& output)> seen);

/// A mean over batches on their way, where a loss on another device than the CPU is read late.
class MeanLoss {
 public:
  void add_(const Tensor& loss, double weight);
  /// NaN without a batch.
  double value() const;
  double sum() const;
  double weight() const { return weight_; }
  void set_(double sum, double weight);

 private:
  void read() const;
  void forget_unread() const;
  mutable double sum_ = 0;
  double weight_ = 0;
  // On a device: single losses, a few hundred at most, and those before them in vectors; the weights of all.
  mutable std::vector<Tensor> unread_, stacked_;
  mutable std::vector<double> weights_;
};

/// What `evaluate` returns, in pairs.
std::vector<std::pair<std::string, Tensor>> evaluated(const TrainState& ts,
                                                      const Objective& objective,
                                                      const data::DataLoader& data,
                                                      MetricStates& metrics, const Group& group);

}  // namespace luxtorch::detail
