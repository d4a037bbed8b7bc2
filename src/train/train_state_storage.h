// What a TrainState's copies share until one of them moves.
#pragma once

#include "luxtorch/train/train_state.h"
#include "optim/flat_gradients.h"
#include "optim/flat_parameters.h"

namespace luxtorch {

struct TrainState::Storage {
  detail::FlatParameters flat;
  detail::FlatGradients gradients;  // memory alone: a step fills it
};

struct TrainStateAccess {
  static const Structure& structure(const TrainState& ts) { return *ts.structure_; }
  static const TrainState::Storage& storage(const TrainState& ts) { return *ts.storage_; }
  static TrainState::Storage& own_(TrainState& ts) { return ts.own_(); }
  static void set_optimizer_(TrainState& ts, Optimizer o) { ts.optimizer_ = std::move(o); }
  static void set_states_(TrainState& ts, Tree st) { ts.states_ = std::move(st); }
  static const TrainStateOptions& options(const TrainState& ts) { return ts.options_; }
  /// Has this process a part of the moments alone? Then all processes ask for the optimizer's state together.
  static bool has_part(const TrainState& ts) { return !ts.storage_->flat.shard().is_everything(); }
  /// The optimizer's state at rank 0, nothing elsewhere where moments are in parts.
  static Tree optimizer_state_at_root(const TrainState& ts) {
    return ts.storage_->flat.state(!has_part(ts) || ts.storage_->flat.shard().is_root());
  }
  /// The optimizer's state with other values, in its shapes and dtypes, without a message.
  static Tree optimizer_state_like(const TrainState& ts) { return ts.storage_->flat.state_like(); }
};

}  // namespace luxtorch
