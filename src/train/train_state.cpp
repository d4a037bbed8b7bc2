#include "luxtorch/train/train_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "autodiff/differentiable.h"
#include "group_backend.h"
#include "text.h"
#include "train/train_state_storage.h"

namespace luxtorch {

using detail::FlatGradients;
using detail::FlatParameters;

namespace {

void check_ranges(const TrainStateOptions& options) {
  const auto refuse = [](const char* expected, const auto& got) {
    throw ArgumentError("TrainState", fmt::format("expected {}, got {}.", expected, got));
  };
  if (options.micro_batches < 1) refuse(".micro_batches of at least 1", options.micro_batches);
  if (options.check_every < 0) refuse(".check_every of at least 0", options.check_every);
  const auto dtype = options.message_dtype;
  if (dtype && *dtype != kBFloat16 && *dtype != kFloat16)
    refuse("a .message_dtype of kBFloat16 or kFloat16", dtype_text(*dtype));
}

// All processes begin with the parameters and states of rank 0.
void start_together(TrainState& ts) {
  const auto& options = TrainStateAccess::options(ts);
  const Group& group = options.group;
  std::vector<std::string> lines = {
      "optimizer: " + ts.optimizer().label(),
      fmt::format("micro_batches: {}", options.micro_batches),
      fmt::format("combine: {}", options.combine == Combine::sum ? "sum" : "mean"),
      fmt::format("a weight: {}", options.weight ? "yes" : "no"),
      fmt::format("a reduce: {}", options.reduce ? "yes" : "no"),
      "check_finite: " +
          (options.check_finite ? fmt::to_string(*options.check_finite) : std::string("not set")),
      fmt::format("shard_optimizer: {}", options.shard_optimizer),
      "message_dtype: " + (options.message_dtype ? dtype_text(*options.message_dtype) : "none"),
      fmt::format("check_every: {}", options.check_every)};
  detail::add_structure(lines, "parameter", ts.parameters());
  detail::add_structure(lines, "state", ts.states());
  detail::agree(group, "TrainState", lines);
  ts.set_parameters_(detail::broadcast_alike(group, ts.parameters()));
  ts.set_states_(detail::broadcast_alike(group, ts.states()));
}

}  // namespace

TrainState::TrainState(Layer m, const Tree& ps, Tree st, Optimizer optimizer,
                       TrainStateOptions options)
    : model(std::move(m)),
      structure_(std::make_shared<const Structure>(structure(model))),
      states_(std::move(st)),
      optimizer_(std::move(optimizer)),
      options_(std::move(options)) {
  detail::refuse_followed("TrainState", ps);
  detail::check_fits(structure_->parameters, ps, "check_parameters", "parameters");
  detail::check_fits(structure_->states, states_, "check_states", "states");
  check_ranges(options_);
  const bool in_parts = options_.shard_optimizer && options_.group.size() > 1;
  if (in_parts) detail::check_works_on_parts(optimizer_.program());
  FlatParameters flat(ps, optimizer_.program(),
                      in_parts ? detail::Shard(options_.group) : detail::Shard());
  FlatGradients gradients(flat.shared_layout());
  storage_ = std::make_shared<Storage>(Storage{std::move(flat), std::move(gradients)});
  if (options_.group.size() > 1) start_together(*this);
}

TrainState::Storage& TrainState::own_() {
  if (storage_.use_count() > 1) {
    const auto& flat = storage_->flat;
    storage_ = std::make_shared<Storage>(Storage{flat, FlatGradients(flat.shared_layout())});
  }
  return *storage_;
}

Tree TrainState::parameters() const { return storage_->flat.parameters(); }

Tree TrainState::optimizer_state() const { return storage_->flat.state(); }

std::vector<std::string> TrainState::frozen() const {
  const auto& flat = storage_->flat;
  auto paths = flat.layout().paths();
  std::vector<std::string> found;
  for (size_t leaf = 0; leaf < paths.size(); ++leaf) {
    int array = flat.layout().array_at[leaf];
    if (array >= 0 && flat.frozen[static_cast<size_t>(array)]) found.push_back(paths[leaf]);
  }
  return found;
}

void TrainState::set_parameters_(const Tree& ps) {
  detail::refuse_followed("set_parameters_", ps);
  detail::check_fits(structure_->parameters, ps, "check_parameters", "parameters");
  own_().flat.load_parameters_(ps);
}

void TrainState::set_states_(Tree st) {
  detail::check_fits(structure_->states, st, "check_states", "states");
  states_ = std::move(st);
}

void TrainState::set_optimizer_state_(const Tree& opt_state) {
  detail::refuse_followed("set_optimizer_state_", opt_state);
  own_().flat.load_state_(opt_state);
}

std::ostream& operator<<(std::ostream& out, const TrainState& ts) {
  const auto& flat = ts.storage_->flat;
  const auto& arrays = flat.layout().arrays;
  int64_t all = 0, frozen = 0;
  for (size_t a = 0; a < arrays.size(); ++a) {
    all += arrays[a].numel;
    if (flat.frozen[a]) frozen += arrays[a].numel;
  }
  out << "TrainState after " << grouped(ts.step) << (ts.step == 1 ? " step" : " steps") << "\n";
  out << "  model: " << detail::show(describe(ts.model), *ts.structure_) << "\n";
  out << "  parameters: " << grouped(all) << " in " << grouped(static_cast<int64_t>(arrays.size()))
      << " arrays";
  if (frozen > 0) out << ", " << grouped(frozen) << " of them frozen";
  out << "\n  states: " << grouped(state_length(ts.states_));
  return out << "\n  optimizer: " << ts.optimizer_.label();
}

namespace {

void set_optimizer_(TrainState& ts, Optimizer next) {
  TrainStateAccess::own_(ts).flat.set_program_(next.program());
  TrainStateAccess::set_optimizer_(ts, std::move(next));
}

}  // namespace

std::optional<double> learning_rate(const TrainState& ts) {
  return TrainStateAccess::storage(ts).flat.learning_rate();
}

TrainState adjust(const TrainState& ts, const Hyperparameters& changes) {
  TrainState next = ts;
  adjust_(next, changes);
  return next;
}
void adjust_(TrainState& ts, const Hyperparameters& changes) {
  set_optimizer_(ts, adjust(ts.optimizer(), changes));
}

TrainState adjust(const TrainState& ts, const Hyperparameters& changes, std::string_view group) {
  TrainState next = ts;
  adjust_(next, changes, group);
  return next;
}
void adjust_(TrainState& ts, const Hyperparameters& changes, std::string_view group) {
  set_optimizer_(ts, adjust(ts.optimizer(), changes, group));
}

}  // namespace luxtorch
