#include "luxtorch/fit/reduce_on_plateau.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "fit/learning_rates.h"
#include "fit/monitored.h"

namespace luxtorch {

namespace {

constexpr const char* kReducer = "ReduceOnPlateau";

// By how much a value must be better than the best one.
double margin(const ReduceOnPlateau& o) {
  return o.relative && o.progress.best ? o.threshold * std::abs(*o.progress.best) : o.threshold;
}

double reduced(const ReduceOnPlateau& o, double rate) {
  const double next = std::max(rate * o.factor, o.min_lr);
  return rate - next > o.min_change ? next : rate;
}

}  // namespace

void ReduceOnPlateau::on_start(Event& event) {
  detail::check_option(factor > 0 && factor < 1, kReducer, "factor", "above 0 and below 1", factor);
  detail::check_option(patience >= 0, kReducer, "patience", "of at least 0",
                       static_cast<double>(patience));
  detail::check_option(std::isfinite(threshold) && threshold >= 0, kReducer, "threshold",
                       "finite and of at least 0", threshold);
  detail::check_option(cooldown >= 0, kReducer, "cooldown", "of at least 0",
                       static_cast<double>(cooldown));
  detail::check_option(std::isfinite(min_lr) && min_lr >= 0, kReducer, "min_lr",
                       "finite and of at least 0", min_lr);
  detail::check_option(min_change >= 0, kReducer, "min_change", "of at least 0", min_change);
  (void)detail::with_rates(kReducer, event.ts.optimizer(), [](double rate) { return rate; });
}

void ReduceOnPlateau::on_epoch(Event& event) {
  const auto value = detail::monitored(event, monitor);
  if (!value) return;
  if (detail::improves(*value, progress.best, better, margin(*this))) {
    progress.best = *value;
    progress.bad_epochs = 0;
  } else {
    ++progress.bad_epochs;
  }
  if (progress.cooldown_left > 0) {
    --progress.cooldown_left;
    progress.bad_epochs = 0;
  }
  if (progress.bad_epochs <= patience) return;
  progress.cooldown_left = cooldown;
  progress.bad_epochs = 0;
  const auto before = learning_rate(event.ts);
  detail::change_rates_(kReducer, event.ts, [&](double rate) { return reduced(*this, rate); });
  if (const auto now = learning_rate(event.ts); before && now && *now != *before)
    event.note(fmt::format("learning rate reduced from {:.6g} to {:.6g}", *before, *now));
}

Tree ReduceOnPlateau::state() const {
  return named({{"best", detail::best_tree(progress.best)},
                {"bad_epochs", progress.bad_epochs},
                {"cooldown_left", progress.cooldown_left}});
}

void ReduceOnPlateau::set_state_(const Tree& state) {
  detail::check_state("ReduceOnPlateau::set_state_", state,
                      {"best", "bad_epochs", "cooldown_left"});
  progress = {.best = detail::best_of(state["best"]),
              .bad_epochs = state["bad_epochs"].scalar<int64_t>(),
              .cooldown_left = state["cooldown_left"].scalar<int64_t>()};
}

}  // namespace luxtorch
