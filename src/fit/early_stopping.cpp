#include "luxtorch/fit/early_stopping.h"

#include <fmt/format.h>

#include <cmath>

#include "fit/monitored.h"
#include "fit/on_devices.h"

namespace luxtorch {

void EarlyStopping::on_start(Event& event) {
  const char* who = "EarlyStopping";
  detail::check_option(patience >= 0, who, "patience", "of at least 0",
                       static_cast<double>(patience));
  detail::check_option(std::isfinite(min_delta) && min_delta >= 0, who, "min_delta",
                       "finite and of at least 0", min_delta);
  progress.stopped = progress.stopped && progress.waited >= patience;
  if (progress.stopped) event.stop("EarlyStopping had ended the run before it was resumed.");
}

void EarlyStopping::on_epoch(Event& event) {
  const auto value = detail::monitored(event, monitor);
  if (!value) return;
  if (detail::improves(*value, progress.best, better, min_delta)) {
    progress.best = *value;
    progress.best_epoch = event.epoch;
    progress.waited = 0;
    if (restore_best) {
      progress.parameters = event.ts.parameters();
      progress.states = event.ts.states();
    }
    return;
  }
  ++progress.waited;
  if (progress.waited < patience || event.epoch == 1) return;
  progress.stopped = true;
  event.stop(
      progress.best
          ? fmt::format("EarlyStopping: nothing better than {} of epoch {} in {} epochs.",
                        detail::metric_text(monitor, *progress.best), progress.best_epoch,
                        progress.waited)
          : fmt::format("EarlyStopping: {} was NaN in {} epochs.", monitor, progress.waited));
}

void EarlyStopping::on_end(Event& event) {
  const bool at_its_end = progress.stopped || (event.epoch >= event.epochs && event.batch == 0);
  if (!restore_best || event.failed() || !at_its_end || progress.parameters.is_none()) return;
  event.ts.set_parameters_(progress.parameters);
  event.ts.set_states_(detail::on_devices_of(event.ts, progress.states));
  event.note(fmt::format("parameters of epoch {}, the best one ({})", progress.best_epoch,
                         detail::metric_text(monitor, *progress.best)));
}

Tree EarlyStopping::state() const {
  return named({{"best", detail::best_tree(progress.best)},
                {"best_epoch", progress.best_epoch},
                {"waited", progress.waited},
                {"stopped", progress.stopped},
                {"parameters", progress.parameters},
                {"states", progress.states}});
}

void EarlyStopping::set_state_(const Tree& state) {
  detail::check_state("EarlyStopping::set_state_", state,
                      {"best", "best_epoch", "waited", "stopped", "parameters", "states"});
  progress = {.best = detail::best_of(state["best"]),
              .best_epoch = state["best_epoch"].scalar<int64_t>(),
              .waited = state["waited"].scalar<int64_t>(),
              .stopped = state["stopped"].scalar<bool>(),
              .parameters = state["parameters"],
              .states = state["states"]};
}

}  // namespace luxtorch
