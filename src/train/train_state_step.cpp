// The training steps.
#include "autodiff/differentiable.h"
#include "train/batch_gradients.h"
#include "train/group_step.h"
#include "train/train_state_storage.h"

namespace luxtorch {

using detail::batch_gradients;
using detail::FlatGradients;

namespace {

FlatGradients new_gradients(const TrainState& ts) {
  return FlatGradients(TrainStateAccess::storage(ts).flat.shared_layout());
}

// by_array: the gradients once more, where they are there.
void update(TrainState& ts, const Tree& grads, const std::vector<Tensor>* by_array,
            const char* who) {
  try {
    detail::refuse_followed(who, grads);
    auto& flat = TrainStateAccess::own_(ts).flat;
    by_array ? flat.step_(*by_array) : flat.step_(grads);
  } catch (
      const Error&) {  // the same on all processes, since the gradients are: the group stays as it is
    throw;
  } catch (...) {
    detail::telling_others(TrainStateAccess::options(ts).group, [] { throw; });
  }
  ++ts.step;
}

}  // namespace

PureTrainStep compute_gradients(const Objective& objective, const Tree& batch,
                                const TrainState& ts) {
  auto kept = new_gradients(ts);
  auto c = batch_gradients(objective, batch, ts, kept, "compute_gradients");
  TrainState next = ts;
  TrainStateAccess::set_states_(next, std::move(c.states));
  return {std::move(c.grads), std::move(c.loss), std::move(c.stats), std::move(next)};
}

TrainStep compute_gradients_(const Objective& objective, const Tree& batch, TrainState& ts) {
  auto c = batch_gradients(objective, batch, ts, TrainStateAccess::own_(ts).gradients,
                           "compute_gradients_");
  TrainStateAccess::set_states_(ts, std::move(c.states));
  return {std::move(c.grads), std::move(c.loss), std::move(c.stats)};
}

TrainState apply_gradients(const TrainState& ts, const Tree& grads) {
  TrainState next = ts;
  update(next, grads, nullptr, "apply_gradients");
  return next;
}

void apply_gradients_(TrainState& ts, const Tree& grads) {
  update(ts, grads, nullptr, "apply_gradients_");
}

PureTrainStep single_train_step(const Objective& objective, const Tree& batch,
                                const TrainState& ts) {
  auto kept = new_gradients(ts);
  auto c = batch_gradients(objective, batch, ts, kept, "single_train_step");
  TrainState next = ts;
  update(next, c.grads, &c.by_array, "single_train_step");
  TrainStateAccess::set_states_(next, std::move(c.states));
  return {std::move(c.grads), std::move(c.loss), std::move(c.stats), std::move(next)};
}

TrainStep single_train_step_(const Objective& objective, const Tree& batch, TrainState& ts) {
  auto c = batch_gradients(objective, batch, ts, TrainStateAccess::own_(ts).gradients,
                           "single_train_step_");
  update(ts, c.grads, &c.by_array, "single_train_step_");
  TrainStateAccess::set_states_(ts, std::move(c.states));
  return {std::move(c.grads), std::move(c.loss), std::move(c.stats)};
}

void flush_gradients_(TrainState& ts) { TrainStateAccess::own_(ts).flat.flush_(); }

TrainState flush_gradients(const TrainState& ts) {
  TrainState next = ts;
  flush_gradients_(next);
  return next;
}

}  // namespace luxtorch
