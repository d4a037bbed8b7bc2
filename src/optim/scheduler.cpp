#include "luxtorch/optim/scheduler.h"

#include <fmt/format.h>

#include <algorithm>

#include "optim/optim_rules.h"
#include "text.h"

namespace luxtorch {

namespace {

using Named = std::pair<std::string_view, const schedule::Schedule*>;

std::vector<Named> listed(const Schedules& s) {
  std::vector<Named> all;
  if (s.lr) all.emplace_back("lr", &*s.lr);
  if (s.rho) all.emplace_back("rho", &*s.rho);
  if (s.lambda) all.emplace_back("lambda", &*s.lambda);
  return all;
}

Hyperparameters values_at(const Schedules& s, int64_t t) {
  auto value = [t](const std::optional<schedule::Schedule>& one) {
    return one ? std::optional((*one)(t)) : std::nullopt;
  };
  return {.lr = value(s.lr), .rho = value(s.rho), .lambda = value(s.lambda)};
}

}  // namespace

// A user's own optimiser, or a chain with one in it: adjusted before each update.
struct Optimizer::Scheduled final : Interface {
  Optimizer optimizer;
  Schedules schedules;
  Scheduled(Optimizer o, Schedules s) : optimizer(std::move(o)), schedules(std::move(s)) {}

  Tree init(const Tree& ps) const override {
    return named({{"step", int64_t{0}}, {"state", optimizer.init(ps)}});
  }
  template <class F>
  std::pair<Tree, Tree> moved(const Tree& opt_state, F f) const {
    const int64_t t = opt_state["step"].scalar<int64_t>() + 1;
    auto [result, state] = f(adjust(optimizer, values_at(schedules, t)), opt_state["state"]);
    return {std::move(result), named({{"step", t}, {"state", std::move(state)}})};
  }
  std::pair<Tree, Tree> update(const Tree& grads, const Tree& opt_state,
                               const Tree& ps) const override {
    return moved(opt_state, [&](const Optimizer& now, const Tree& state) {
      return now.update(grads, state, ps);
    });
  }
  std::pair<Tree, Tree> transform(const Tree& grads, const Tree& opt_state,
                                  const Tree& ps) const override {
    return moved(opt_state, [&](const Optimizer& now, const Tree& state) {
      return now.transform(grads, state, ps);
    });
  }
  std::pair<Tree, Tree> flush(const Tree& opt_state, const Tree& ps, bool apply) const override {
    const int64_t t = std::max<int64_t>(1, opt_state["step"].scalar<int64_t>());
    const Optimizer now = adjust(optimizer, values_at(schedules, t));
    auto [result, state] = now.impl_->flush(opt_state["state"], ps, apply);
    return {std::move(result), opt_state.with("state", std::move(state))};
  }
  std::string label() const override {
    std::string text;
    for (const auto& [name, s] : listed(schedules))
      text += fmt::format(", {} = {}", name, s->label());
    return fmt::format("Scheduler({}{})", optimizer.label(), text);
  }
  Tree hyperparameters() const override { return optimizer.hyperparameters(); }
  Impl with(const Tree& saved) const override {
    auto same = optimizer.with_hyperparameters(saved);
    return same ? std::make_shared<Scheduled>(std::move(*same), schedules) : nullptr;
  }
  Impl adjusted(const Hyperparameters& changes) const override {
    if ((changes.lr && schedules.lr) || (changes.rho && schedules.rho) ||
        (changes.lambda && schedules.lambda)) {
      throw ArgumentError("adjust",
                          fmt::format("expected a hyper-parameter that follows no schedule "
                                      "of {}.",
                                      label()));
    }
    return std::make_shared<Scheduled>(adjust(optimizer, changes), schedules);
  }
  bool transforms() const override { return optimizer.impl_->transforms(); }
};

Optimizer::Impl Optimizer::scheduled(const Optimizer& o, const Schedules& schedules) {
  if (listed(schedules).empty()) {
    throw ArgumentError("Scheduler", "expected at least one schedule, got none.");
  }
  if (!o.program()) {
    (void)adjust(o, values_at(schedules, 1));  // says now what it cannot do
    return std::make_shared<Scheduled>(o, schedules);
  }
  auto program = *o.program();
  for (const auto& [name, s] : listed(schedules)) {
    auto next = program.scheduled(name, *s);
    if (!next) {
      throw ArgumentError("Scheduler", fmt::format("expected an optimiser with the hyper-parameter "
                                                   "{}, got {}.",
                                                   name, o.label()));
    }
    program = std::move(*next);
  }
  return of(program);
}

Scheduler::Scheduler(const Optimizer& optimizer, const schedule::Schedule& lr)
    : Optimizer(scheduled(optimizer, {.lr = lr})) {}
Scheduler::Scheduler(const Optimizer& optimizer, const Schedules& schedules)
    : Optimizer(scheduled(optimizer, schedules)) {}

}  // namespace luxtorch
