#include "luxtorch/optim/scheduler.h"

namespace luxtorch {

Scheduler::Scheduler(const Optimizer& optimizer, const schedule::Schedule& lr)
    : Optimizer(scheduled(optimizer, {.lr = lr})) {}
Scheduler::Scheduler(const Optimizer& optimizer, const Schedules& schedules)
    : Optimizer(scheduled(optimizer, schedules)) {}

}  // namespace luxtorch
