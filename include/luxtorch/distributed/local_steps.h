// LocalSteps: processes that train alone and average now and then, for slow networks.
//
//     Group group = distributed::init();
//     TrainState ts(model, ps, st, AdamW(1e-3));                   // of this process alone
//     LocalSteps local(group, 500, ts);
//     for (const Tree& batch : loader) {                           // .partial = false, .part = group.part()
//       single_train_step_(objective, batch, ts);
//       local.update_(ts);                                         // every 500th time: messages
//     }
//
// Where the processes of a machine are close to each other and the machines are not: a step of all processes of
// a machine, and local steps between the machines.
//
//     Group machine = group.split(group.rank() / group.local_size());
//     TrainState together(model, ps, st, AdamW(1e-3), {.group = machine});
//     LocalSteps between(group.split(group.local_rank()), 500, together);
//
// Each process has inner moments of its own, so it saves a checkpoint of its own, in a folder of its own:
//
//     CheckpointFolder run("runs/rank" + std::to_string(group.rank()));
//     auto found = run.resume();
//     if (found.checkpoint) {
//       found.checkpoint->restore_(ts);
//       local.set_state_(found.checkpoint->values["local_steps"]);
//     }
//     run.save(ts, {.values = named({{"local_steps", local.state()}})});
#pragma once

#include <cstdint>
#include <optional>

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"
#include "luxtorch/group.h"
#include "luxtorch/train/train_state.h"

namespace luxtorch {

/// How LocalSteps averages.
struct LocalStepsOptions {
  /// What moves the common parameters along the mean difference, as if that were a gradient: by default as in DiLoCo.
  /// Descent(1) gives the mean of the parameters.
  Optimizer outer = Nesterov(0.7, 0.9);
  /// The dtype of the differences in the message: kBFloat16 or kFloat16 halve it, and round the sum over the
  /// processes. Not set: that of the parameters, float32 at least. States are sent as they are.
  std::optional<Dtype> message_dtype = {};
  /// Whether floating tensors and doubles in the states, such as running statistics, become their means over
  /// the processes. False for states that belong to a process' own data, such as a carry.
  bool average_states = true;
};

/// Training steps of single processes, and after every so many the mean over a group of how far the parameters have
/// come since the last time, through an outer optimizer (DiLoCo: Douillard et al. 2023; with Descent(1) local SGD,
/// Stich 2019):
///
///     d = mean over processes of (x - x_process)      x: the common parameters, x_process: after the steps
///     x = outer.update(d, state, x)
///
/// Then all processes have the same bits of parameters and averaged states. Moments of the inner optimizers, keys and other
/// states stay each process' own. Frozen parameters do not move. The common parameters are kept in float32
/// for parameters of narrower dtypes. Every process makes the same number of steps. It is a value.
class LUXTORCH_API LocalSteps {
 public:
  /// From ts' parameters, the same on all processes. steps: between two averages, at least 1. ArgumentError: steps or
  /// message_dtype out of range; on all processes: other parameters, steps or options on one of them.
  LocalSteps(Group group, int64_t steps, const TrainState& ts, LocalStepsOptions options = {});

  /// Counts a training step of ts. After the last of `steps` it averages, and returns true.
  bool update_(TrainState& ts);
  /// Averages now, whatever the count, which starts again: at the end of a training. ArgumentError: parameters of a
  /// process that are not finite, on all of them; then nothing has changed. TreeError: other parameters than the first.
  void average_(TrainState& ts);

  /// The common parameters as they are now.
  Tree parameters() const { return common_; }
  /// How often the processes have averaged.
  int64_t averages() const { return averages_; }

  /// All that is needed to go on, for a checkpoint: the common parameters, the outer optimizer's state, the counts.
  Tree state() const;
  /// Goes on from what state() gave, bit for bit; all processes call it. TreeError, ShapeError: of other parameters or
  /// another outer optimizer. ArgumentError: counts out of range; on all processes: another count, other common
  /// parameters or outer moments, or a state that does not fit on one of them.
  void set_state_(const Tree& state);

 private:
  Group group_;
  int64_t steps_;
  LocalStepsOptions options_;
  Tree common_, outer_state_;
  int64_t since_ = 0, averages_ = 0;
};

}  // namespace luxtorch
