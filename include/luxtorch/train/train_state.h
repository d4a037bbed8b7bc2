// TrainState: a model in training, and the training steps.
//
//     TrainState ts(model, ps, st, Adam(0.01));
//     BinaryCrossEntropyLoss objective;
//     for (const Tree& batch : loader) {
//       auto [grads, loss, stats] = single_train_step_(objective, batch, ts);     // in place
//     }
//
//     auto [grads, loss, stats, next] = single_train_step(objective, batch, ts);  // pure: ts stays
//
// The state is a value. It copies the parameters once, into flat memory of its own, so the ps of
// setup never changes. What parameters() and optimizer_state() return are snapshots, and so are
// copies of the TrainState: a step in place first copies the memory that a snapshot, or a tensor of
// one, still uses. So `auto best = ts;` is safe and cheap, and a loop that keeps no snapshot copies
// nothing. Both kinds of step give the same numbers, bit for bit.
//
// A step that throws leaves its TrainState as it was.
//
// A TrainState is a constant of every derivative: tensors or gradients of a function that is being
// differentiated or transformed are an ArgumentError. To differentiate training steps, use
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
#include "luxtorch/group.h"
#include "luxtorch/layer.h"
#include "luxtorch/optim/optim.h"

namespace luxtorch {

/// How the losses of the parts of a batch, of processes or micro-batches, become that of the whole batch.
enum class Combine {
  mean,  ///< By the weights of their parts, for a loss that is a mean.
  sum    ///< For a loss that is a sum over its batch.
};

/// Options of a TrainState.
struct TrainStateOptions {
  /// Whether a loss that is infinite or NaN is a NonFiniteError, which names the step. Not set: yes
  /// where the loss is on the CPU; on another device the check makes the program wait.
  std::optional<bool> check_finite = {};
  /// How many parts of a batch a step computes one after the other, to need less memory. The loss and the gradients are
  /// means over the parts, weighted by their rows, or by `weight`; with Combine::sum they are added up, on one process
  /// too. So they are those of the whole batch. All tensors of a batch must have its rows in dimension 0. Each part gets
  /// the states that the one before it returned, so batch norms average over parts; states with a row for each row of
  /// the batch, such as a carry, do not fit. stats is the tuple of the parts' stats, also where fewer rows, or parts of
  /// weight 0, make fewer parts.
  int64_t micro_batches = 1;
  /// Called once per step, between the gradients and the optimizer, with all gradients: flat tensors,
  /// one per dtype and device (float32 for narrower dtypes), of the same layout in every step, 0 where there is none. It may change
  /// them in place: a sum over processes, a clip, a compression. All that comes later (TrainStep::grads,
  /// the optimizer's rules) sees what it left. With a LossScale they are those of the scaled loss.
  std::function<void(const std::vector<Tensor>& gradients)> reduce = {};
  /// The processes that train together. Each has the same TrainState, frozen parameters too, and its part of each batch
  /// (DataLoaderOptions::part); every step is one of the whole batch. The parameters and states of rank 0 are everybody's
  /// at the start, then compute_gradients and single_train_step send one message: gradients, loss and states are those of
  /// all parts, the same bits on each process. stats, and states that are nothing in a new model, such as a carry, are
  /// each process' own. Keys in the states are others for each process' model, and the same after the step. What leaves
  /// the objective or reduce as an exception reaches the other processes as a DistributedError; with
  /// NCCL its watchdog ends them after InitOptions::timeout.
  Group group = {};
  /// What the loss of a part is a mean over, such as the tokens that count; its rows where this is empty. A part
  /// of weight 0 is not given to the objective. For parts of a group, and for micro_batches.
  std::function<double(const Tree& batch)> weight = {};
  Combine combine = Combine::mean;  ///< How the losses of parts become one.
  /// Whether each process of the group keeps only its part of the optimizer's moments (ZeRO stage 1,
  /// Rajbhandari et al. 2020): the flat memory is cut into as many parts as there are processes. A step
  /// moves the own part of the parameters and sends it to all: one more message of the parameters'
  /// size. Rules that work on each element give the same bits as without it; ClipNorm, ClipGlobalNorm and
  /// LAMB add the parts of their norms, which rounds differently. All processes call optimizer_state,
  /// apply_gradients and flush_gradients together, and CheckpointFolder::save with the same group; a
  /// checkpoint does not know of parts. Where the message of the parameters fails, parameters() and each
  /// later step of this TrainState throw its DistributedError. UnsupportedError: Muon and a user's own
  /// optimizer, of which LossScale is one, need whole arrays. No effect on one process.
  bool shard_optimizer = false;
  /// kBFloat16 or kFloat16: the gradients of the group travel in it. Loss, weights and states stay exact,
  /// in a message of their own before it. The error of a gradient is at most p u (|g1| + ... + |gp|),
  /// where p processes add the weighted gradients g1 to gp, and u is 2^-8 (kBFloat16) or 2^-11
  /// (kFloat16). kFloat16 rounds what is below 6e-5 to multiples of 6e-8; what is above 65504 is an
  /// ArgumentError, except with a LossScale. Not set: gradients travel in their own dtype, in float32 for
  /// narrower ones. No effect on one process.
  std::optional<Dtype> message_dtype = {};
  /// Before every so many steps, from the first one on, the parameters of all processes of the group must
  /// be the same bits: else an ArgumentError on all of them, which names the first parameter and
  /// rank that differ from rank 0. It reads all parameters and sends 8 bytes for each array. 0: never.
  int64_t check_every = 0;
};

/// A training step's loss is infinite or NaN.
struct LUXTORCH_API NonFiniteError : ArgumentError {
  using ArgumentError::ArgumentError;
};

/// A model in training: its parameters and states, the optimizer and its state, and the step (Lux's
/// Training.TrainState).
class LUXTORCH_API TrainState {
 public:
  /// ps and st: as the model's setup made them, on any devices and of any floating dtypes. The
  /// optimizer's state is a new one, and step is 0. TreeError, which lists them: parts that are
  /// missing, unexpected or misshaped. ArgumentError: an option out of its range; with a group, another model,
  /// optimizer or option on one of its processes, with its rank.
  TrainState(Layer model, const Tree& ps, Tree st, Optimizer optimizer,
             TrainStateOptions options = {});

  /// The model whose parameters are trained. Another one in its place must have the same structure.
  Layer model;
  /// The number of gradients that have been applied. With AccumGrad(n) the parameters change at
  /// each n-th one. flush_gradients_ does not change it.
  int64_t step = 0;

  /// The parameters as they are now: views of the flat memory, made anew by each call.
  Tree parameters() const;
  /// The model's states as they are now.
  const Tree& states() const { return states_; }
  /// The optimizer's state as it is now, in the form of Optimizer::init. With shard_optimizer a message: all processes
  /// call it, and each gets all of it.
  Tree optimizer_state() const;
  /// The optimizer, with its present hyper-parameters.
  const Optimizer& optimizer() const { return optimizer_; }
  /// The paths of the frozen parameters.
  std::vector<std::string> frozen() const;

  /// Copies ps into the parameters, which keep their dtypes and devices. What is one parameter at
  /// several places stays so, and must have the same values at all of them: else an ArgumentError,
  /// which names two places that differ. TreeError: a ps that does not fit the model.
  void set_parameters_(const Tree& ps);
  /// Replaces the model's states, to reset a recurrent layer's carry for example. TreeError: an st
  /// that does not fit the model.
  void set_states_(Tree st);
  /// Copies opt_state into the optimizer's state, whose moments keep their dtypes and devices.
  /// TreeError, ShapeError: a state that does not fit; the state of a user's own optimizer is not
  /// checked. With shard_optimizer each process takes its part of it, without a message.
  void set_optimizer_state_(const Tree& opt_state);

  /// Prints the step, the model, the numbers of parameters, of frozen ones and of states, and the
  /// optimizer.
  friend LUXTORCH_API std::ostream& operator<<(std::ostream& out, const TrainState& ts);

 private:
  friend struct TrainStateAccess;
  struct Storage;
  Storage& own_();  // the storage, of this TrainState alone

  std::shared_ptr<const Structure> structure_;  // the model's, at construction
  std::shared_ptr<Storage> storage_;
  Tree states_;
  Optimizer optimizer_;
  TrainStateOptions options_;
};

/// What a step in place gives.
struct TrainStep {
  /// In the structure of the parameters, none for frozen ones. Valid until the next step. A parameter
  /// at several places has a gradient at each, and they add up; with micro_batches or reduce the sum
  /// is at the first one.
  Tree grads;
  /// The loss before the update: 0-dim, without a graph. The step itself waits for no device,
  /// except for TrainStateOptions::check_finite.
  Tensor loss;
  Tree stats;  ///< The objective's, without a graph.
};
/// What a pure step gives.
struct PureTrainStep {
  Tree grads;       ///< In the structure of the parameters, none for frozen ones.
  Tensor loss;      ///< The loss before the update, as of TrainStep.
  Tree stats;       ///< The objective's, without a graph.
  TrainState next;  ///< The TrainState after the step.
};

/// The loss of a batch and its gradients. next differs from ts only in the states, which are those
/// that the objective returned (a dropout's rng, a batch norm's statistics). A graph is recorded
/// even where the caller records none. ArgumentError: a loss that value_and_grad refuses, or that
/// is not finite (TrainStateOptions).
[[nodiscard]] LUXTORCH_API PureTrainStep compute_gradients(const Objective& objective,
                                                           const Tree& batch, const TrainState& ts);
/// The same; the new states go into ts.
LUXTORCH_API TrainStep compute_gradients_(const Objective& objective, const Tree& batch,
                                          TrainState& ts);

/// One update by the optimizer; step increases by 1. grads has the structure of the parameters;
/// where it has none, the parameters are skipped. Errors as of Optimizer::update.
[[nodiscard]] LUXTORCH_API TrainState apply_gradients(const TrainState& ts, const Tree& grads);
/// apply_gradients in place.
LUXTORCH_API void apply_gradients_(TrainState& ts, const Tree& grads);

/// compute_gradients, then apply_gradients.
[[nodiscard]] LUXTORCH_API PureTrainStep single_train_step(const Objective& objective,
                                                           const Tree& batch, const TrainState& ts);
/// single_train_step in place.
LUXTORCH_API TrainStep single_train_step_(const Objective& objective, const Tree& batch,
                                          TrainState& ts);

/// Applies the mean of the gradients that AccumGrad still holds of a window that is not full
/// (Optimizer::flush); step and states stay. Call it before a validation or the last checkpoint.
[[nodiscard]] LUXTORCH_API TrainState flush_gradients(const TrainState& ts);
/// flush_gradients in place.
LUXTORCH_API void flush_gradients_(TrainState& ts);

/// Changes hyper-parameters of the optimizer, and keeps its state: `ts = adjust(ts, {.lr =
/// 1e-3});`. Errors as of adjust of an Optimizer.
[[nodiscard]] LUXTORCH_API TrainState adjust(const TrainState& ts, const Hyperparameters& changes);
/// adjust in place.
LUXTORCH_API void adjust_(TrainState& ts, const Hyperparameters& changes);
/// Changes hyper-parameters of one group of OptimizerGroups, by its pattern.
[[nodiscard]] LUXTORCH_API TrainState adjust(const TrainState& ts, const Hyperparameters& changes,
                                             std::string_view group);
/// adjust of one group in place.
LUXTORCH_API void adjust_(TrainState& ts, const Hyperparameters& changes, std::string_view group);

/// The learning rate of the next update: of the optimizer's first rule that has one, as its schedule says. Nothing
/// where there is none, as in a user's own optimizer.
LUXTORCH_API std::optional<double> learning_rate(const TrainState& ts);

}  // namespace luxtorch
