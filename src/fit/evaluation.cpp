#include "fit/evaluation.h"

#include <ATen/core/Tensor.h>
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

void MetricStates::set_state_(const Tree& state) {
  const auto elements = state.elements();
  states_.assign(elements.begin(), elements.end());
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
  } else {
    unread_.emplace_back(loss, weight);
  }
}
void MeanLoss::read() const {
  for (const auto& [loss, weight] : unread_) sum_ += weight * loss.item<double>();
  unread_.clear();
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
  unread_.clear();
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
