#include "fit/evaluation.h"

#include <ATen/ops/stack.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "luxtorch/core/error.h"
#include "luxtorch/core/values.h"
#include "luxtorch/data/dataset.h"
#include "luxtorch/fit/fit.h"
#include "train/train_state_storage.h"

namespace luxtorch::detail {

namespace {

// A model that keeps its last output.
struct Watched {
  Layer model;
  Tree* output;
  LUXTORCH_WRAPS(model)
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const {
    auto out = model(x, ps, st);
    *output = out.first;
    return out;
  }
};

[[noreturn]] void no_batch_for_metrics(const std::string& got) {
  throw ArgumentError("fit",
                      "expected, for metrics, batches (x, y) or (x, y, mask) of tensors and a "
                      "model with one tensor as output, got " +
                          got + ". Leave out .metrics, or compute them in a callback.");
}

constexpr size_t kLossesApart = 256;

double value_of(const Tensor& loss) {
  if (loss.scalar_type() == kFloat32 && loss.device().is_cpu())
    return *loss.const_data_ptr<float>();
  return loss.item<double>();
}

}  // namespace

MetricStates::MetricStates(std::vector<Metric> metrics) : metrics_(std::move(metrics)) { reset_(); }

void MetricStates::reset_() {
  states_.clear();
  for (const auto& m : metrics_) states_.push_back(m.init());
}

void MetricStates::update_(const Tree& batch, const Tree& output) {
  const bool fits = batch.is_tuple() && (batch.size() == 2 || batch.size() == 3) &&
                    batch[1].is_tensor() && (batch.size() == 2 || batch[2].is_tensor());
  if (!fits) no_batch_for_metrics("another batch");
  if (!output.is_tensor()) no_batch_for_metrics("a model with another output");
  const Tensor mask = batch.size() == 3 ? batch[2].tensor() : Tensor();
  for (size_t i = 0; i < metrics_.size(); ++i)
    states_[i] = metrics_[i].update(states_[i], output.tensor(), batch[1].tensor(), mask);
}

std::vector<std::pair<std::string, Tensor>> MetricStates::values(const Group& group) const {
  std::vector<std::pair<std::string, Tensor>> all;
  for (size_t i = 0; i < metrics_.size(); ++i) {
    Tree state = states_[i];
    if (group.size() > 1) {
      const auto parts = group.gather(state);
      state = parts[0];
      for (size_t p = 1; p < parts.size(); ++p) state = metrics_[i].merge(state, parts[p]);
    }
    all.emplace_back(metrics_[i].name, metrics_[i].value(state).to(cpu_device()).to(kFloat64));
  }
  return all;
}

Tree MetricStates::state(const Group& group) const {
  std::vector<Tree::Item> own;
  for (size_t i = 0; i < metrics_.size(); ++i) own.emplace_back(metrics_[i].name, states_[i]);
  return tuple(group.gather(named(std::move(own))));
}

void MetricStates::set_state_(const Tree& state, const Group& group) {
  const auto parts = state.elements();
  const bool same = static_cast<int64_t>(parts.size()) == group.size();
  if (!same && !group.is_root()) return;
  for (size_t i = 0; i < metrics_.size(); ++i) {
    const auto& name = metrics_[i].name;
    if (parts.empty() || !parts[0].contains(name)) continue;
    states_[i] = parts[same ? static_cast<size_t>(group.rank()) : 0][name];
    for (size_t p = 1; !same && p < parts.size(); ++p)
      states_[i] = metrics_[i].merge(states_[i], parts[p][name]);
  }
}

Objective watched(const Objective& objective,
                  std::function<void(const Tree& batch, const Tree& output)> seen) {
  return Objective([objective, seen = std::move(seen)](const Layer& model, const Tree& ps,
                                                       const Tree& st, const Tree& batch) {
    Tree output;
    auto out = objective(Watched{model, &output}, ps, st, batch);
    const NoGrad no_grad;
    seen(batch, tree::detach(output));
    return out;
  });
}

void MeanLoss::add_(const Tensor& loss, double weight) {
  weight_ += weight;
  if (loss.device().is_cpu()) {
    sum_ += weight * value_of(loss);
    return;
  }
  unread_.push_back(loss);
  weights_.push_back(weight);
  if (unread_.size() < kLossesApart) return;
  stacked_.push_back(at::stack(unread_));
  unread_.clear();
}
void MeanLoss::read() const {
  if (!unread_.empty()) stacked_.push_back(at::stack(unread_));
  size_t next = 0;
  for (const auto& losses : stacked_)
    for (const double loss : to_vector<double>(losses)) sum_ += weights_[next++] * loss;
  forget_unread();
}
void MeanLoss::forget_unread() const {
  unread_.clear();
  stacked_.clear();
  weights_.clear();
}
double MeanLoss::sum() const {
  read();
  return sum_;
}
double MeanLoss::value() const {
  return weight_ == 0 ? std::numeric_limits<double>::quiet_NaN() : sum() / weight_;
}
void MeanLoss::set_(double sum, double weight) {
  sum_ = sum;
  weight_ = weight;
  forget_unread();
}

std::vector<std::pair<std::string, Tensor>> evaluated(const TrainState& ts,
                                                      const Objective& objective,
                                                      const data::DataLoader& data,
                                                      MetricStates& metrics, const Group& group) {
  const NoGrad no_grad;
  const Tree ps = ts.parameters(), st = testmode(ts.states());
  metrics.reset_();
  const Objective with_metrics =
      metrics.empty() ? objective : watched(objective, [&](const Tree& batch, const Tree& output) {
        metrics.update_(batch, output);
      });
  MeanLoss loss;
  for (const Tree& batch : data.batches(0)) {
    const auto rows = data.batch_size() < 0 ? 1 : data::numobs(batch);
    if (rows == 0) continue;  // a part of a small batch
    loss.add_(with_metrics(ts.model, ps, st, batch).loss, static_cast<double>(rows));
  }
  Tensor sums = tensor(std::vector<double>{loss.sum(), loss.weight()}, {.dtype = kFloat64});
  if (group.size() > 1) sums = group.sum(sums);
  std::vector<std::pair<std::string, Tensor>> all{{"loss", sums[0] / sums[1]}};
  for (auto& one : metrics.values(group)) all.push_back(std::move(one));
  return all;
}

}  // namespace luxtorch::detail

namespace luxtorch {

Tree evaluate(const TrainState& ts, const Objective& objective, const data::DataLoader& data,
              const std::vector<Metric>& metrics) {
  detail::MetricStates states(metrics);
  std::vector<Tree::Item> items;
  for (auto& [name, value] :
       detail::evaluated(ts, objective, data, states, TrainStateAccess::options(ts).group))
    items.emplace_back(name, value);
  return named(std::move(items));
}

}  // namespace luxtorch
