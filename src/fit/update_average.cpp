#include "luxtorch/fit/update_average.h"

#include "fit/monitored.h"
#include "fit/on_devices.h"
#include "luxtorch/core/error.h"

namespace luxtorch {

void UpdateAverage::on_start(Event& event) {
  const char* who = "UpdateAverage";
  if (!average)
    throw ArgumentError(who, "expected an Ema or Swa, got nullptr: UpdateAverage{&ema}.");
  detail::check_option(steps >= 0, who, "steps", "of at least 0", static_cast<double>(steps));
  detail::check_option(epochs >= 0, who, "epochs", "of at least 0", static_cast<double>(epochs));
  detail::check_option(after >= 0, who, "after", "of at least 0", static_cast<double>(after));
  // Those of a checkpoint are on the CPU.
  const Tree now = average->state();
  average->set_state_(now.with("states", detail::on_devices_of(event.ts, now["states"])));
}

void UpdateAverage::on_step(Event& event) {
  if (steps > 0 && event.epoch > after && event.ts.step % steps == 0) average->update_(event.ts);
}

void UpdateAverage::on_epoch(Event& event) {
  if (epochs > 0 && event.epoch > after && event.epoch % epochs == 0) average->update_(event.ts);
}

Tree UpdateAverage::state() const { return average ? average->state() : Tree(); }

void UpdateAverage::set_state_(const Tree& state) {
  if (average) average->set_state_(state);
}

}  // namespace luxtorch
