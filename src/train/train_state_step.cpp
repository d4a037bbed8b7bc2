// The training steps.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "autodiff/differentiable.h"
#include "luxtorch/autodiff/grad.h"
#include "train/train_state_storage.h"
#include "transforms.h"

namespace luxtorch {

namespace {

bool reads(const Tensor& loss, const TrainStateOptions& options) {
  return options.check_finite.value_or(loss.device().is_cpu());
}

// Throws for a loss that is infinite or NaN, of any sample of a vmap.
void check_finite(const Tensor& loss, const char* who, int64_t step) {
  const transforms::Outside outside;
  const at::NoGradGuard no_grad;
  Tensor plain = transforms::underlying(loss);
  if (plain.dim() > 0) plain = plain.masked_select(at::isfinite(plain).logical_not());
  if (plain.numel() == 0) return;
  if (plain.dim() > 0) plain = plain[0];
  const double value = plain.item<double>();
  if (std::isfinite(value)) return;
  ArgumentError error(
      who,
      fmt::format("expected a finite loss, got {}. Look at the batch and at the parameters from "
                  "before it; a smaller learning rate or ClipNorm may help.",
                  value));
  error.prepend_path_(fmt::format("step {}", step));
  throw error;
}

struct Computed {
  Tree grads;
  Tensor loss;
  Tree stats, states;
};

Computed compute(const Objective& objective, const Tree& batch, const TrainState& ts,
                 const char* who) {
  const auto& flat = TrainStateAccess::storage(ts).flat;
  const auto& layout = flat.layout();
  auto ps = flat.parameters();

  // Frozen parameters are constants of the function that is differentiated.
  Tree trained = ps;
  bool some_frozen = std::ranges::any_of(flat.frozen, [](char f) { return f != 0; });
  if (some_frozen) {
    size_t leaf = 0;
    trained = tree::map(
        [&](const Tree& t) {
          int array = layout.array_at[leaf++];
          return array >= 0 && flat.frozen[static_cast<size_t>(array)] ? Tree() : t;
        },
        ps);
  }
  auto whole = [&](const Tree& part) {
    if (!some_frozen) return part;
    return tree::zip([](const Tree& a, const Tree& b) { return a.is_none() ? b : a; }, part, ps);
  };
  auto [loss, grads, out] = value_and_grad(
      [&](const Tree& part) {
        LossOut result = objective(ts.model, whole(part), ts.states(), batch);
        const Tensor& value = result.loss;
        if (value.defined() && value.dim() == 0 && reads(value, TrainStateAccess::options(ts)))
          check_finite(value, who, ts.step + 1);
        return result;
      },
      trained);
  return {std::move(grads), std::move(loss), std::move(out.stats), std::move(out.st)};
}

void update(TrainState& ts, const Tree& grads, const char* who) {
  detail::refuse_followed(who, grads);
  TrainStateAccess::own_(ts).flat.step_(grads);
  ++ts.step;
}

}  // namespace

PureTrainStep compute_gradients(const Objective& objective, const Tree& batch,
                                const TrainState& ts) {
  auto c = compute(objective, batch, ts, "compute_gradients");
  TrainState next = ts;
  TrainStateAccess::set_states_(next, std::move(c.states));
  return {std::move(c.grads), std::move(c.loss), std::move(c.stats), std::move(next)};
}

TrainStep compute_gradients_(const Objective& objective, const Tree& batch, TrainState& ts) {
  auto c = compute(objective, batch, ts, "compute_gradients_");
  TrainStateAccess::set_states_(ts, std::move(c.states));
  return {std::move(c.grads), std::move(c.loss), std::move(c.stats)};
}

TrainState apply_gradients(const TrainState& ts, const Tree& grads) {
  TrainState next = ts;
  update(next, grads, "apply_gradients");
  return next;
}

void apply_gradients_(TrainState& ts, const Tree& grads) { update(ts, grads, "apply_gradients_"); }

PureTrainStep single_train_step(const Objective& objective, const Tree& batch,
                                const TrainState& ts) {
  auto c = compute(objective, batch, ts, "single_train_step");
  TrainState next = ts;
  update(next, c.grads, "single_train_step");
  TrainStateAccess::set_states_(next, std::move(c.states));
  return {std::move(c.grads), std::move(c.loss), std::move(c.stats), std::move(next)};
}

TrainStep single_train_step_(const Objective& objective, const Tree& batch, TrainState& ts) {
  auto c = compute(objective, batch, ts, "single_train_step_");
  update(ts, c.grads, "single_train_step_");
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
