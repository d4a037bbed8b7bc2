// A run of fit: what its Event shows, and the loop.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fit/evaluation.h"
#include "fit/history.h"
#include "luxtorch/fit/fit.h"

namespace luxtorch::detail {

class FitRun {
 public:
  FitRun(TrainState& ts, const Objective& objective, data::DataLoader& train, FitOptions options);
  History run();

  // For Event.
  double loss() const;
  double learning_rate() const;
  const Tree& gradients() const { return step_ ? step_->grads : no_gradients_; }
  History history() const { return History(columns_.tree(), stop_reason_); }
  int64_t batch_size() const { return train_.batch_size(); }
  bool validates() const { return options_.validation != nullptr; }
  const Group& group() const { return group_; }
  void stop(std::string reason);
  const std::string& stop_reason() const { return stop_reason_; }
  bool failed() const { return failed_; }
  bool restored() const { return restored_; }
  void note(const std::string& text);
  CheckpointExtras extras() const;
  void restore_(const Checkpoint& checkpoint);

 private:
  using Clock = std::chrono::steady_clock;
  using Values = std::vector<std::pair<std::string, Tensor>>;

  void check() const;
  void run_epochs_();
  void run_epoch_();
  void train_step_(const Objective& objective, const Tree& batch);
  void end_epoch_();
  Values validation_();
  bool stops_(bool agree_now);
  std::exception_ptr end_();
  // Calls f of every callback that is for this process, or of one. What it throws names the callback.
  void call_(const char* function, const std::function<void(const Callback&)>& f);
  void call_one_(const Callback& c, const char* function,
                 const std::function<void(const Callback&)>& f);
  void notice_signal_();
  bool is_ours(const Callback& c) const { return group_.is_root() || !c.root_only(); }
  bool handled_(const std::exception_ptr& error);
  double seconds() const;
  double observations_of_batch() const;

  TrainState& ts_;
  const Objective& objective_;
  data::DataLoader& train_;
  FitOptions options_;
  Group group_;
  Event event_;
  bool any_on_step_ = false;
  std::vector<char> started_;  // by callback: has it had on_start?

  int64_t epoch_ = 0, batch_ = 0;  // whole epochs; batches of the one that runs
  MeanLoss mean_loss_;             // of the epoch that runs
  MetricStates training_metrics_, validation_metrics_;
  std::vector<std::pair<Tree, Tree>> seen_;  // of a training step: batches and the model's outputs
  HistoryColumns columns_;
  double loss_ = 0;                 // of the last whole epoch
  std::optional<double> epoch_lr_;  // while callbacks look at an epoch

  std::optional<data::Batches::Iterator> batches_;
  const TrainStep* step_ = nullptr;  // while callbacks look at it
  bool restored_ = false;
  bool in_step_ = false;  // a batch was handed out, and its step is not done
  Tree no_gradients_;
  std::string stop_reason_;
  bool failed_ = false;

  Clock::time_point start_ = Clock::now();
  double seconds_before_ = 0;  // of earlier processes
  // Of the epoch that runs, since this process works on it.
  Clock::time_point epoch_start_ = start_;
  double epoch_observations_ = 0;
};

}  // namespace luxtorch::detail
