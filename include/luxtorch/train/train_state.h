// TrainState: a model in training, and the steps that move it on.
//
//     TrainState ts(model, ps, st, Adam(0.01));
//     BinaryCrossEntropyLoss objective;
//     for (const Tree& batch : loader) {
//       auto [grads, loss, stats] = single_train_step_(objective, batch, ts);     // in place
//     }
//
//     auto [grads, loss, stats, next] = single_train_step(objective, batch, ts);  // pure: ts stays
//
// Level 4: loss -> gradients -> optimiser -> TrainState -> files.
//
// The state is a value. It copies the parameters once, into flat memory of its own, so setup's ps
// never changes. What it hands out are snapshots: a step in place first copies what a tree from
// parameters() or optimizer_state(), a tensor of one, or a copy of the TrainState still looks at.
// `auto best = ts;` is safe and cheap, and a loop that keeps no snapshot copies nothing. Both kinds
// of step give the same numbers, bit for bit.
//
// A step that throws leaves its TrainState as it was.
//
// A TrainState is a constant of every derivative: it takes no tensors of a function that is being
// differentiated or transformed, nor gradients of one (an ArgumentError). Learn through steps with
// Optimizer::update.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "luxtorch/autodiff/objective.h"
#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"
#include "luxtorch/optim/optim.h"

namespace luxtorch {

struct TrainStateOptions {
  /// A loss that is infinite or NaN is an ArgumentError that names the step. Not set: yes where the
  /// loss lies on the CPU; on another device reading it makes the program wait.
  std::optional<bool> check_finite = {};
};

class LUXTORCH_API TrainState {
 public:
  /// ps and st: as the model's setup made them, on any device and of any floating dtype, mixed too;
  /// a missing, extra or misshaped part is a TreeError that lists all of them. Moments start
  /// afresh, step at 0.
  TrainState(Layer model, const Tree& ps, Tree st, Optimizer optimizer,
             TrainStateOptions options = {});

  Layer model;
  /// How many gradients it has been given. With AccumGrad(n) the parameters move at each n-th, and
  /// flush_gradients_, which gives none, leaves step as it is.
  int64_t step = 0;

  /// The parameters as they are now: views of the flat memory, made anew by each call.
  Tree parameters() const;
  const Tree& states() const { return states_; }
  /// As Optimizer::init has it.
  Tree optimizer_state() const;
  const Optimizer& optimizer() const { return optimizer_; }
  /// The paths of frozen parameters.
  std::vector<std::string> frozen() const;

  // From outside: a recurrent layer's carry set back, a checkpoint taken up. Checked as in the
  // constructor; parameters and moments are copied and keep their dtype and device. What is one
  // parameter at several places stays so, and must have the same values at all of them (an
  // ArgumentError names two that differ).
  void set_parameters_(const Tree& ps);
  void set_states_(Tree st);
  void set_optimizer_state_(const Tree& opt_state);

  /// The model's text, how many parameters there are and how many of them are frozen, the
  /// optimiser, the step.
  friend LUXTORCH_API std::ostream& operator<<(std::ostream& out, const TrainState& ts);

 private:
  friend struct TrainStateAccess;
  struct Storage;
  Storage& own_();  // the storage, of this TrainState alone

  std::shared_ptr<Storage> storage_;
  Tree states_;
  Optimizer optimizer_;
  TrainStateOptions options_;
};

/// What a step gives. grads: the parameters' structure, nothing for frozen ones; for steps in place
/// valid until the next step. loss: 0-dim, without a graph, from before the update; no device was
/// waited for. stats: the objective's, without a graph.
struct TrainStep {
  Tree grads;
  Tensor loss;
  Tree stats;
};
struct PureTrainStep {
  Tree grads;
  Tensor loss;
  Tree stats;
  TrainState next;
};

/// Loss and gradients; next differs from ts in the states alone, which are the objective's (a
/// dropout's rng, a batch norm's statistics). Records a graph even where the caller records none.
LUXTORCH_API [[nodiscard]] PureTrainStep compute_gradients(const Objective& objective,
                                                           const Tree& batch, const TrainState& ts);
/// The same; ts takes the states.
LUXTORCH_API TrainStep compute_gradients_(const Objective& objective, const Tree& batch,
                                          TrainState& ts);

/// One update by the optimiser, step + 1. grads: the parameters' structure; parts that are nothing
/// are skipped.
LUXTORCH_API [[nodiscard]] TrainState apply_gradients(const TrainState& ts, const Tree& grads);
LUXTORCH_API void apply_gradients_(TrainState& ts, const Tree& grads);

/// compute_gradients and apply_gradients.
LUXTORCH_API [[nodiscard]] PureTrainStep single_train_step(const Objective& objective,
                                                           const Tree& batch, const TrainState& ts);
LUXTORCH_API TrainStep single_train_step_(const Objective& objective, const Tree& batch,
                                          TrainState& ts);

/// Gradients that AccumGrad still holds, of a window that is not full, move the parameters by their
/// mean (Optimizer::flush). step and states stay. Before a validation or the last checkpoint.
LUXTORCH_API [[nodiscard]] TrainState flush_gradients(const TrainState& ts);
LUXTORCH_API void flush_gradients_(TrainState& ts);

/// Other hyper-parameters, the same moments: `ts = adjust(ts, {.lr = 1e-3});`. Errors as adjust of
/// an Optimizer.
LUXTORCH_API [[nodiscard]] TrainState adjust(const TrainState& ts, const Hyperparameters& changes);
LUXTORCH_API void adjust_(TrainState& ts, const Hyperparameters& changes);

}  // namespace luxtorch
