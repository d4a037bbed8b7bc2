// What a checkpoint keeps of a run, and going on from it.
#include <fmt/format.h>

#include "fit/fit_run.h"
#include "luxtorch/core/error.h"

namespace luxtorch::detail {

CheckpointExtras FitRun::extras() const {
  std::vector<Tree> callbacks;
  for (const auto& c : options_.callbacks)
    callbacks.push_back(named({{"name", c.name()}, {"state", c.state()}}));
  Tree data = train_.position();
  // The batch of a step that failed was handed out, and trained nothing.
  if (in_step_) data = data.with("batches", data["batches"].scalar<int64_t>() - 1);
  return {.values = named({{"fit", named({{"epoch", epoch_},
                                          {"loss", mean_loss_.sum()},
                                          {"weight", mean_loss_.weight()},
                                          {"last_loss", loss_},
                                          {"seconds", seconds()},
                                          {"training_metrics", training_metrics_.state(group_)},
                                          {"metrics", event_.metrics},
                                          {"history", columns_.tree()},
                                          {"callbacks", tuple(std::move(callbacks))}})}}),
          .data = std::move(data)};
}

void FitRun::restore_(const Checkpoint& checkpoint) {
  if (!checkpoint.values.is_named() || !checkpoint.values.contains("fit"))
    throw ArgumentError("fit", fmt::format("expected a checkpoint that fit has saved, got {}. Take "
                                           "another folder for this run, or restore the "
                                           "TrainState and the loader before it.",
                                           checkpoint.path.string()));
  const Tree& saved = checkpoint.values["fit"];
  TrainState before = ts_;
  checkpoint.restore_(ts_);
  try {
    train_.set_position_(checkpoint.data);
  } catch (...) {
    ts_ = std::move(before);
    throw;
  }
  epoch_ = saved["epoch"].scalar<int64_t>();
  mean_loss_.set_(saved["loss"].scalar<double>(), saved["weight"].scalar<double>());
  loss_ = saved["last_loss"].scalar<double>();
  seconds_before_ = saved["seconds"].scalar<double>();
  training_metrics_.set_state_(saved["training_metrics"], group_);
  restored_ = true;
  event_.metrics = saved["metrics"];
  columns_.set_(saved["history"]);

  // A callback takes the first state of its name that none before it has taken.
  auto states = saved["callbacks"].elements();
  std::vector<char> taken(states.size());
  for (const auto& c : options_.callbacks) {
    for (size_t i = 0; i < states.size(); ++i) {
      if (taken[i] || states[i]["name"].scalar<std::string>() != c.name()) continue;
      taken[i] = 1;
      if (!states[i]["state"].is_none()) c.set_state_(states[i]["state"]);
      break;
    }
  }
}

}  // namespace luxtorch::detail
