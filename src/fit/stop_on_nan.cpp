#include <fmt/format.h>

#include <cmath>

#include "fit/finite.h"
#include "fit/monitored.h"
#include "luxtorch/fit/watchers.h"

namespace luxtorch {

void StopOnNaN::on_start(Event&) {
  detail::check_option(check_every >= 0, "StopOnNaN", "check_every", "of at least 0",
                       static_cast<double>(check_every));
}

void StopOnNaN::on_step(Event& event) {
  if (check_every == 0 || event.ts.step % check_every != 0) return;
  const auto stop = [&](const char* what, const std::string& path) {
    event.stop(fmt::format("StopOnNaN: the {} {} is not finite after step {}.", what, path,
                           event.ts.step));
  };
  if (const auto path = detail::first_not_finite(event.gradients())) {
    stop("gradient of", *path);
  } else if (const auto place = detail::first_not_finite(event.ts.parameters())) {
    stop("parameter", *place);
  }
}

void StopOnNaN::on_epoch(Event& event) {
  if (!std::isfinite(event.loss()))
    event.stop(fmt::format("StopOnNaN: the mean loss of epoch {} is not finite.", event.epoch));
}

bool StopOnNaN::on_error(Event& event, const std::exception& error) {
  const auto* non_finite = dynamic_cast<const NonFiniteError*>(&error);
  if (!non_finite) return false;
  event.stop(fmt::format("StopOnNaN: {}", non_finite->what()));
  return true;
}

}  // namespace luxtorch
