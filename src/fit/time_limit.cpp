#include <fmt/format.h>

#include "fit/monitored.h"
#include "luxtorch/fit/watchers.h"

namespace luxtorch {

void TimeLimit::on_start(Event&) {
  detail::check_option(limit.count() > 0, "TimeLimit", "limit", "above 0 seconds", limit.count());
  start = now();
}

void TimeLimit::on_step(Event& event) {
  const std::chrono::duration<double> passed = now() - start;
  if (passed < limit) return;
  event.stop(
      fmt::format("TimeLimit: {:.6g} s have passed, of {:.6g}.", passed.count(), limit.count()));
}

}  // namespace luxtorch
