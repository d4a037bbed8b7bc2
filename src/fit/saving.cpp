#include "luxtorch/fit/saving.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "fit/finite.h"
#include "fit/monitored.h"
#include "io/base/atomic_folder.h"
#include "luxtorch/core/error.h"
#include "luxtorch/core/values.h"
#include "luxtorch/fit/callback.h"

namespace luxtorch {

namespace {

void check_group_of(const char* who, const CheckpointFolder& folder, const Event& event) {
  if (folder.options().group.size() == event.group().size()) return;
  ArgumentError error(
      who, fmt::format("expected a folder of the {} processes that train, got one of {}. "
                       "Give it their group: CheckpointFolder(path, {{.group = group}}).",
                       event.group().size(), folder.options().group.size()));
  error.prepend_path_(folder.path().string());
  throw error;
}

enum class Outcome { saved, has_nan, disk_failed };

// failing: whether the disk did not take the one before, which a note has told.
Outcome save_into(const CheckpointFolder& folder, Event& event, std::optional<double> metric,
                  bool& failing) {
  if (const auto path = detail::first_nan(event.ts.parameters())) {
    event.note(fmt::format("not saved at step {}: {} has a NaN; {} keeps its last checkpoint",
                           event.ts.step, *path, folder.path().string()));
    return Outcome::has_nan;
  }
  auto extras = event.extras();
  extras.metric = metric;
  try {
    folder.save(event.ts, extras);
  } catch (const io::DiskError& error) {
    if (!std::exchange(failing, true))
      event.note(
          fmt::format("not saved at step {}: {} The run goes on and tries again at the next "
                      "checkpoint; those in {} are unchanged",
                      event.ts.step, error.what(), folder.path().string()));
    return Outcome::disk_failed;
  }
  failing = false;
  return Outcome::saved;
}

// Over a group the others' clocks do not count, and a message at each step would be dear.
bool is_late(const Event& event, double since, double seconds) {
  constexpr int64_t kAskedEvery = 16;
  const bool late = event.seconds - since >= seconds;
  if (event.group().size() == 1) return late;
  return event.ts.step % kAskedEvery == 0 && event.group().broadcast(Tree(late)).scalar<bool>();
}

// Whether it is so on one of the processes: all of them save together.
bool anywhere(const Group& group, bool here) {
  if (group.size() == 1) return here;
  return group.max(tensor(std::vector<int64_t>{here})).item<int64_t>() != 0;
}

// As CheckpointExtras::metric, of which lower is better.
double lowered(double value, Better better) { return better == Better::lower ? value : -value; }

void save_now(SaveEvery& callback, Event& event, std::optional<double> metric = {}) {
  auto& progress = callback.progress;
  const auto outcome = save_into(callback.folder, event, metric, progress.failing);
  progress.seconds = event.seconds;
  if (outcome == Outcome::disk_failed) return;
  progress.step = event.ts.step;
  progress.saved = outcome == Outcome::saved;
}

// Whether the program, started again, trains on. A callback's wish to stop, such as EarlyStopping's, may come again.
bool goes_on_later(const std::string& stop_reason) {
  return stop_reason.starts_with("interrupted (") || stop_reason.starts_with("asked to end (") ||
         stop_reason.starts_with("TimeLimit: ");
}

}  // namespace

Callback::Callback(CheckpointFolder folder) : Callback(SaveEvery{.folder = std::move(folder)}) {}

void SaveEvery::on_resume(Event& event) {
  const char* who = "SaveEvery";
  detail::check_option(epochs >= 0, who, "epochs", "of at least 0", static_cast<double>(epochs));
  detail::check_option(steps >= 0, who, "steps", "of at least 0", static_cast<double>(steps));
  detail::check_option(std::isfinite(seconds) && seconds >= 0, who, "seconds",
                       "finite and of at least 0", seconds);
  check_group_of(who, folder, event);
  progress = {};
  if (!resume) return;
  const auto found = folder.resume();
  for (const auto& [path, reason] : found.skipped)
    event.note(fmt::format("passed over a damaged checkpoint: {}", reason));
  if (!found.checkpoint) return;
  // Another SaveEvery has found a newer one.
  if (event.restored() && found.checkpoint->step <= event.ts.step) return;
  event.restore_(*found.checkpoint);
  progress = {.step = event.ts.step, .saved = true};
  event.note(fmt::format("resumed from {}", found.checkpoint->path.string()));
}

void SaveEvery::on_start(Event& event) { progress.seconds = event.seconds; }

void SaveEvery::on_step(Event& event) {
  const bool due = (steps > 0 && event.ts.step % steps == 0) ||
                   (seconds > 0 && is_late(event, progress.seconds, seconds));
  if (due) save_now(*this, event);
}

void SaveEvery::on_epoch(Event& event) {
  // In a run's last epoch before on_end, where other callbacks may change the parameters. A wish to stop may be that of
  // one process.
  const bool due = event.epoch >= event.epochs || (epochs > 0 && event.epoch % epochs == 0) ||
                   anywhere(event.group(), !event.stop_reason().empty());
  if (!due) return;
  const bool known = event.metrics.contains(monitor);
  save_now(*this, event,
           known ? std::optional(lowered(event.metric(monitor), better)) : std::nullopt);
}

void SaveEvery::on_end(Event& event) {
  if (event.failed()) return;
  if (event.ts.step != progress.step) save_now(*this, event);
  if (progress.failing) {
    event.note(fmt::format("the state at the end, step {}, is not saved in {}", event.ts.step,
                           folder.path().string()));
    return;
  }
  const bool complete = event.epoch >= event.epochs && event.batch == 0;
  if (!complete && progress.saved)
    event.note(
        fmt::format("saved in {} at step {}{}", folder.path().string(), event.ts.step,
                    goes_on_later(event.stop_reason()) ? "; run the program again to go on" : ""));
}

void SaveBest::on_start(Event& event) { check_group_of("SaveBest", folder, event); }

void SaveBest::on_epoch(Event& event) {
  const auto value = detail::monitored(event, monitor);
  if (!value || !detail::improves(*value, progress.best, better)) return;
  const auto outcome = save_into(folder, event, lowered(*value, better), progress.failing);
  if (outcome == Outcome::disk_failed) return;
  progress.best = *value;
  progress.epoch = event.epoch;
}

Tree SaveBest::state() const {
  return named({{"best", detail::best_tree(progress.best)}, {"epoch", progress.epoch}});
}

void SaveBest::set_state_(const Tree& state) {
  detail::check_state("SaveBest::set_state_", state, {"best", "epoch"});
  progress = {.best = detail::best_of(state["best"]), .epoch = state["epoch"].scalar<int64_t>()};
}

}  // namespace luxtorch
