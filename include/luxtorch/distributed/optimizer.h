// DistributedOptimizer: the mean of the gradients of several processes, then another optimizer.
//
//     Group group = distributed::init();
//     ps = synchronize(group, ps);
//     DistributedOptimizer adam(group, Adam(0.01));
//     Tree opt_state = adam.init(ps);
//     for (const Tree& batch : loader) {
//       auto [loss, grads] = value_and_grad([&](const Tree& at) { return loss_of(at, batch); }, ps);
//       std::tie(ps, opt_state) = adam.update(grads, opt_state, ps);
//     }
//
// For loops of a program's own. A TrainState with TrainStateOptions::group needs none: it sends loss and states
// too, and counts each process by its rows.
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/group.h"
#include "luxtorch/optim/optim.h"

namespace luxtorch {

/// A chain of the mean of the gradients over all processes and `inner` (Lux's DistributedOptimizer). All processes call
/// update and transform equally often, with gradients at the same places; each sends one message per dtype. With the same
/// parameters and states at the start, they stay the same bits on all processes.
///
/// The mean is plain: with parts of a batch that have other numbers of rows, give group.mean(grads, rows) to
/// `inner` itself. A group of one process sends nothing, and gives inner's bits. The optimizer's state, its labels and
/// its hyper-parameters are those of an OptimiserChain. With AccumGrad in `inner` each call sends all the same.
///
/// ArgumentError of update and transform: gradients that a derivative or a transform follows, of several processes.
struct LUXTORCH_API DistributedOptimizer : Optimizer {
  /// inner: what gets the mean.
  DistributedOptimizer(const Group& group, const Optimizer& inner);
};

}  // namespace luxtorch
