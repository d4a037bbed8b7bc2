#include "fit/fit_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "group_backend.h"
#include "luxtorch/core/error.h"
#include "luxtorch/core/values.h"
#include "train/group_step.h"
#include "train/train_state_storage.h"

namespace luxtorch::detail {

namespace {

constexpr int64_t kStepsToAgree = 16;

Tensor number(double value) { return tensor(value, {.dtype = kFloat64}); }
Tensor count(int64_t value) { return tensor(value, {.dtype = kInt64}); }

}  // namespace

FitRun::FitRun(TrainState& ts, const Objective& objective, data::DataLoader& train,
               FitOptions options)
    : ts_(ts),
      objective_(objective),
      train_(train),
      options_(std::move(options)),
      group_(TrainStateAccess::options(ts).group),
      event_(ts, *this),
      training_metrics_(options_.training_metrics ? options_.metrics : std::vector<Metric>{}),
      validation_metrics_(options_.metrics) {
  check();
  std::stable_partition(options_.callbacks.begin(), options_.callbacks.end(),
                        [](const Callback& c) { return !c.last(); });
  started_.resize(options_.callbacks.size());
  event_.epochs = options_.epochs;
  event_.batches = train_.size();
  loss_ = std::numeric_limits<double>::quiet_NaN();
  for (const auto& c : options_.callbacks) any_on_step_ |= is_ours(c) && c.has_on_step();
}

void FitRun::check() const {
  auto refuse = [](const std::string& text) { throw ArgumentError("fit", text); };
  if (options_.epochs < 0)
    refuse(fmt::format("expected .epochs of at least 0, got {}.", options_.epochs));
  if (options_.validate_every < 1)
    refuse(fmt::format("expected .validate_every of at least 1, got {}.", options_.validate_every));
  std::set<std::string> names{"loss", "epoch", "step", "lr", "seconds", "samples_per_second"};
  for (const auto& m : options_.metrics) {
    const bool plain = !m.name.empty() && m.name.find_first_not_of(
                                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                              "0123456789_") == std::string::npos;
    if (!plain)
      refuse(
          fmt::format("expected metrics with names of letters, digits and '_', got '{}'.", m.name));
    if (m.name.starts_with("validation_"))
      refuse(fmt::format(
          "expected metrics whose names do not begin with 'validation_', which fit adds, got '{}'.",
          m.name));
    if (!names.insert(m.name).second)
      refuse(fmt::format(
          "expected metrics with names of their own, got '{}', which is {}.", m.name,
          m.name == "loss" || m.name == "epoch" ? "a column of the history" : "there already"));
  }
  agree(group_, "fit",
        {fmt::format("epochs: {}", options_.epochs), fmt::format("batches: {}", train_.size()),
         fmt::format("batch_size: {}", train_.batch_size()),
         fmt::format("validation: {}", options_.validation != nullptr),
         fmt::format("validate_every: {}", options_.validate_every),
         fmt::format("metrics: {}", options_.metrics.size()),
         fmt::format("training_metrics: {}", options_.training_metrics),
         fmt::format("callbacks: {}", options_.callbacks.size())});
}

double FitRun::seconds() const {
  return seconds_before_ + std::chrono::duration<double>(Clock::now() - start_).count();
}

double FitRun::loss() const { return step_ ? step_->loss.item<double>() : loss_; }

double FitRun::learning_rate() const {
  if (epoch_lr_) return *epoch_lr_;
  return luxtorch::learning_rate(ts_).value_or(std::numeric_limits<double>::quiet_NaN());
}

// Does the run end here? The processes of a group agree from time to time.
bool FitRun::stops_(bool agree_now) {
  notice_signal_();
  if (group_.size() == 1) return !stop_reason_.empty();
  if (!agree_now && ts_.step % kStepsToAgree != 0) return false;
  const auto wish = group_.max(tensor(std::vector<int64_t>{!stop_reason_.empty()}));
  if (wish.item<int64_t>() == 0) return false;
  for (const auto& theirs : group_.gather(Tree(std::string_view(stop_reason_))))
    stop_reason_ = stop_reason_.empty() ? theirs.scalar<std::string>() : stop_reason_;
  return true;
}

void FitRun::train_step_(const Objective& objective, const Tree& batch) {
  in_step_ = true;
  seen_.clear();
  const TrainStep step = single_train_step_(objective, batch, ts_);
  in_step_ = false;
  if (!seen_.empty()) {
    telling_others(group_, [&] {
      for (const auto& [part, output] : seen_) training_metrics_.update_(part, output);
    });
  }
  const double observations = observations_of_batch();
  ++batch_;
  epoch_observations_ += observations;
  mean_loss_.add_(step.loss, observations);
  if (!any_on_step_) return;
  event_.batch = batch_;
  const auto now = Clock::now();
  event_.seconds = seconds_before_ + std::chrono::duration<double>(now - start_).count();
  event_.samples_per_second =
      epoch_observations_ / std::chrono::duration<double>(now - epoch_start_).count();
  step_ = &step;
  call_("on_step", [&](const Callback& c) { c.on_step(event_); });
  step_ = nullptr;
}

// Of the whole batch that batch_ counts, over all processes.
double FitRun::observations_of_batch() const {
  const auto size = train_.batch_size();
  return size < 0 ? 1 : static_cast<double>(std::min(size, train_.numobs() - batch_ * size));
}

void FitRun::run_epoch_() {
  event_.epoch = epoch_ + 1;
  epoch_start_ = Clock::now();
  epoch_observations_ = 0;
  const Objective objective =
      training_metrics_.empty()
          ? objective_
          : watched(objective_, [this](const Tree& batch, const Tree& output) {
              seen_.emplace_back(batch, output);
            });
  telling_others(group_, [&] { batches_.emplace(train_.begin()); });
  auto& batch = *batches_;
  // The run, or the program before it, may have left the epoch somewhere.
  batch_ =
      batch == train_.end() ? train_.size() : train_.position()["batches"].scalar<int64_t>() - 1;
  while (batch != train_.end()) {
    train_step_(objective, *batch);
    if (stops_(false) && batch_ < train_.size()) return;
    telling_others(group_, [&] { ++batch; });
  }
  flush_gradients_(ts_);
  end_epoch_();
}

FitRun::Values FitRun::validation_() {
  const bool due = options_.validation &&
                   ((epoch_ + 1) % options_.validate_every == 0 || epoch_ + 1 == options_.epochs);
  if (!due) return {};
  Values values;
  telling_others(group_, [&] {
    values = evaluated(ts_, objective_, *options_.validation, validation_metrics_, group_);
  });
  for (auto& [name, value] : values) name = "validation_" + name;
  return values;
}

void FitRun::end_epoch_() {
  const double training_seconds =
      std::chrono::duration<double>(Clock::now() - epoch_start_).count();
  event_.samples_per_second = epoch_observations_ / training_seconds;
  loss_ = mean_loss_.value();
  Values values{{"loss", number(loss_)}};
  telling_others(group_, [&] {
    for (auto& one : training_metrics_.values(group_)) values.push_back(std::move(one));
  });
  for (auto& one : validation_()) values.push_back(std::move(one));
  event_.metrics = named(std::vector<Tree::Item>(values.begin(), values.end()));
  event_.seconds = seconds();

  Values row{{"epoch", count(epoch_ + 1)}, {"step", count(ts_.step)}};
  row.insert(row.end(), values.begin(), values.end());
  epoch_lr_ = learning_rate();
  row.emplace_back("lr", number(*epoch_lr_));
  row.emplace_back("seconds", number(event_.seconds));
  row.emplace_back("samples_per_second", number(event_.samples_per_second));
  columns_.add_(row);

  ++epoch_;
  batch_ = 0;
  mean_loss_.set_(0, 0);
  training_metrics_.reset_();
  call_("on_epoch", [&](const Callback& c) { c.on_epoch(event_); });
  epoch_lr_.reset();
}

void FitRun::run_epochs_() {
  call_("on_resume", [&](const Callback& c) { c.on_resume(event_); });
  event_.epoch = epoch_;
  event_.first_step = ts_.step;
  start_ = Clock::now();
  event_.seconds = seconds_before_;
  call_("on_start", [&](const Callback& c) {
    c.on_start(event_);
    started_[static_cast<size_t>(&c - options_.callbacks.data())] = 1;
  });
  while (epoch_ < options_.epochs && !stops_(true)) run_epoch_();
}

}  // namespace luxtorch::detail
