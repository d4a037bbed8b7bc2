// Scheduler: an optimiser whose hyper-parameters follow schedules.
//
//     Optimizer o = Scheduler(Adam(), schedule::Warmup(100, schedule::CosAnneal(1e-2, 1e-4, 2000)));
//     Optimizer p = OptimiserChain(ClipGlobalNorm(1.0), Scheduler(AdamW(), schedule::Exp(1e-3, 0.999)));
//
// Level 4. The schedules give the values themselves: what the optimiser was made with does not
// count. t is the number of updates that a parameter has had, this one included; it is the "step"
// of the optimiser's state, so that a training that goes on from a saved state goes on bit for bit.
// A parameter that is skipped falls behind; with AccumGrad before it in a chain only the updates
// that come through count.
#pragma once

#include <optional>

#include "luxtorch/core/api.h"
#include "luxtorch/optim/optim.h"
#include "luxtorch/optim/schedule.h"

namespace luxtorch {

/// Which hyper-parameters follow a schedule: only those that are set.
struct Schedules {
  std::optional<schedule::Schedule> lr = {};
  std::optional<schedule::Schedule> rho = {};
  std::optional<schedule::Schedule> lambda = {};
};

/// Of a chain every rule that has the hyper-parameter follows the schedule. Costs what the
/// optimiser costs: the rules of optim.h run in place with a number that is looked up once per
/// step. The state is the optimiser's, with "step" where it does not count by itself; a user's own
/// optimiser, which needs an adjust, has {"step", "state"}.
///
/// adjust changes what follows no schedule; for the rest it is an ArgumentError. Scheduler(ts.
/// optimizer(), other) has another schedule and the same state.
///
/// ArgumentError: an optimiser without such a hyper-parameter; in an update, a value out of its
/// range, with the schedule and the step.
struct LUXTORCH_API Scheduler : Optimizer {
  Scheduler(const Optimizer& optimizer, const schedule::Schedule& lr);
  Scheduler(const Optimizer& optimizer, const Schedules& schedules);
};

}  // namespace luxtorch
