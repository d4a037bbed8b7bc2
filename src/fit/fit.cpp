#include "luxtorch/fit/fit.h"

#include <fmt/format.h>

#include "fit/fit_run.h"
#include "luxtorch/core/error.h"

namespace luxtorch {

History fit(TrainState& ts, const Objective& objective, data::DataLoader& train,
            FitOptions options) {
  return detail::FitRun(ts, objective, train, std::move(options)).run();
}

double Event::loss() const { return run_.loss(); }
const Tree& Event::gradients() const { return run_.gradients(); }
double Event::metric(std::string_view name) const {
  const std::string key(name);
  std::string there;
  for (const auto& [k, value] : metrics) {
    if (k == key && value.tensor().dim() == 0) return value.tensor().item<double>();
    if (value.tensor().dim() == 0) there += (there.empty() ? "" : ", ") + k;
  }
  throw ArgumentError("fit", fmt::format("expected the name of a metric of this run, got '{}'. "
                                         "There is: {}.",
                                         key, there.empty() ? "none yet" : there));
}
double Event::learning_rate() const { return run_.learning_rate(); }
History Event::history() const { return run_.history(); }
int64_t Event::batch_size() const { return run_.batch_size(); }
bool Event::validates() const { return run_.validates(); }
const Group& Event::group() const { return run_.group(); }
void Event::stop(std::string reason) { run_.stop(std::move(reason)); }
const std::string& Event::stop_reason() const { return run_.stop_reason(); }
bool Event::failed() const { return run_.failed(); }
bool Event::restored() const { return run_.restored(); }
void Event::note(const std::string& text) { run_.note(text); }
CheckpointExtras Event::extras() const { return run_.extras(); }
void Event::restore_(const Checkpoint& checkpoint) { run_.restore_(checkpoint); }

}  // namespace luxtorch
