#include "fit/learning_rates.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "luxtorch/core/error.h"
#include "optim/program.h"
#include "train/train_state_storage.h"

namespace luxtorch::detail {

namespace {

[[noreturn]] void no_rate(const char* who, const char* expected, const Optimizer& optimizer,
                          const char* advice) {
  throw ArgumentError(who, fmt::format("expected an optimizer {}, got {}. {}", expected,
                                       optimizer.label(), advice));
}

// The rules' rates, in their order.
std::vector<double> rates_of(const char* who, const Optimizer& optimizer) {
  const auto& lr = hyper_word("lr");
  std::vector<double> rates;
  for (const Stage* stage : optimizer.program().stages()) {
    const Rule* rule = stage->rule();
    const HyperName* name = rule ? rule->find(lr) : nullptr;
    if (!name) continue;
    if (rule->follows(lr))
      no_rate(who, "whose learning rate follows no schedule", optimizer,
              "Two would set it: leave out the schedule, or this callback.");
    if (rule->adjustable(*name)) rates.push_back(*rule->values.lr);
  }
  if (rates.empty())
    no_rate(who, "with a learning rate that can be changed", optimizer,
            "Leave out this callback, or adjust_ the optimizer in one of your own.");
  return rates;
}

}  // namespace

Optimizer with_rates(const char* who, const Optimizer& optimizer,
                     const std::function<double(double)>& f) {
  const auto rates = rates_of(who, optimizer);
  if (std::ranges::all_of(rates, [&](double rate) { return rate == rates[0]; }))
    return adjust(optimizer, {.lr = f(rates[0])});
  if (optimizer.program().has_own())
    no_rate(who, "with one learning rate beside a user's own optimizer", optimizer,
            "Give its rules the same rate, or adjust_ the optimizer in a callback of your own.");
  const auto& lr = hyper_word("lr");
  std::vector<Tree> rows;
  for (const Stage* stage : optimizer.program().stages()) {
    Rule rule = *stage->rule();
    const HyperName* name = rule.find(lr);
    if (name && rule.adjustable(*name)) rule.values.lr = f(*rule.values.lr);
    rows.push_back(rule.saved());
  }
  return *optimizer.with_hyperparameters(tuple(std::move(rows)));
}

void change_rates_(const char* who, TrainState& ts, const std::function<double(double)>& f) {
  Optimizer next = with_rates(who, ts.optimizer(), f);
  TrainStateAccess::own_(ts).flat.set_program_(next.program());
  TrainStateAccess::set_optimizer_(ts, std::move(next));
}

}  // namespace luxtorch::detail
