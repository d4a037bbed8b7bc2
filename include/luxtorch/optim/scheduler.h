// Scheduler: an optimizer whose hyper-parameters follow schedules.
//
//     Optimizer o = Scheduler(Adam(), schedule::Warmup(100, schedule::CosAnneal(1e-2, 1e-4, 2000)));
//     Optimizer p = OptimiserChain(ClipGlobalNorm(1.0), Scheduler(AdamW(), schedule::Exp(1e-3, 0.999)));
//
// The schedules give the values themselves: those that the optimizer was made with are not used. t
// is the number of updates that a parameter has had, this one included. It is the "step" of the
// optimizer's state, so that a training that continues from a saved state gives the same numbers
// bit for bit. A parameter that is skipped does not count the update; after AccumGrad in a chain,
// only the updates that AccumGrad passes on count.
#pragma once

#include <optional>

#include "luxtorch/core/api.h"
#include "luxtorch/optim/optim.h"
#include "luxtorch/optim/schedule.h"

namespace luxtorch {

/// Which hyper-parameters follow a schedule: only those that are set.
struct Schedules {
  std::optional<schedule::Schedule> lr = {};      ///< The learning rate.
  std::optional<schedule::Schedule> rho = {};     ///< Momentum, or the decay rate of one moment.
  std::optional<schedule::Schedule> lambda = {};  ///< The strength of a decay.
};

/// An optimizer whose hyper-parameters follow schedules. In a chain, every rule that has the
/// hyper-parameter follows the schedule. It costs no more than the optimizer alone: the rules of
/// optim.h run in place, with a number that is looked up once per step. The state is the
/// optimizer's, with "step" added where the optimizer does not count itself. A user's own optimizer
/// must have an adjust; its state is {"step", "state"}.
///
/// adjust changes the hyper-parameters that follow no schedule; for those that do it is an
/// ArgumentError. Scheduler(ts.optimizer(), other) has another schedule and the same state.
///
/// ArgumentError: an optimizer without such a hyper-parameter, no schedule; in an update, a value
/// out of its range (the message names the schedule and the step).
struct LUXTORCH_API Scheduler : Optimizer {
  /// The learning rate follows a schedule.
  Scheduler(const Optimizer& optimizer, const schedule::Schedule& lr);
  /// Each hyper-parameter that is set follows its schedule.
  Scheduler(const Optimizer& optimizer, const Schedules& schedules);
};

}  // namespace luxtorch
