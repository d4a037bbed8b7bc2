#include "train/batch_gradients.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "autodiff/differentiable.h"
#include "group_backend.h"
#include "group_weight.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/data/dataset.h"
#include "train/group_step.h"
#include "train/micro_batches.h"
#include "train/same_parameters.h"
#include "train/train_state_storage.h"
#include "transforms.h"

namespace luxtorch::detail {

namespace {

// A scaled loss may overflow: then the optimizer leaves the step out.
bool reads(const Tensor& loss, const TrainStateOptions& options, bool scaled) {
  return options.check_finite.value_or(loss.device().is_cpu() && !scaled);
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
  NonFiniteError error(
      who,
      fmt::format("expected a finite loss, got {}. Look at the batch and at the parameters from "
                  "before it; a smaller learning rate or ClipNorm may help.",
                  std::isnan(value) ? std::abs(value) : value));  // not -nan
  error.prepend_path_(fmt::format("step {}", step));
  throw error;
}

// By leaf of the layout: the parameter at each place, and which places are trained.
struct Leaves {
  std::vector<Tree> parameters;
  std::vector<size_t> trained;
};

Leaves leaves_of(const FlatParameters& flat) {
  const auto& array_at = flat.layout().array_at;
  Leaves leaves{std::vector<Tree>(array_at.size()), {}};
  for (size_t leaf = 0; leaf < array_at.size(); ++leaf) {
    if (array_at[leaf] < 0) continue;
    const auto a = static_cast<size_t>(array_at[leaf]);
    leaves.parameters[leaf] = flat.parameter(a);
    if (!flat.frozen[a]) leaves.trained.push_back(leaf);
  }
  return leaves;
}

struct Part {
  std::vector<Tensor> gradients;  // by trained leaf
  LossOut out;
};

// Frozen parameters are constants of the function that is differentiated.
// judged: whether this loss, and not that of all parts, must be finite.
Part differentiate_part(const Objective& objective, const Tree& batch, const Tree& states,
                        const TrainState& ts, const Leaves& leaves, const char* who, bool judged) {
  const auto& layout = TrainStateAccess::storage(ts).flat.layout();
  std::vector<Tensor> at;
  for (size_t leaf : leaves.trained) at.push_back(leaves.parameters[leaf].tensor());
  const std::optional<double> scale = TrainStateAccess::storage(ts).flat.loss_scale();
  LossOut out;
  auto [loss, gradients] = differentiate(
      [&](const std::vector<Tensor>& inputs) {
        auto parts = leaves.parameters;
        for (size_t i = 0; i < inputs.size(); ++i) parts[leaves.trained[i]] = inputs[i];
        out = objective(ts.model, layout.tree_by_leaf(parts, true), states, batch);
        const Tensor& value = out.loss;
        const auto& options = TrainStateAccess::options(ts);
        if (judged && value.defined() && value.dim() == 0 &&
            reads(value, options, scale.has_value()))
          check_finite(value, who, ts.step + 1);
        const bool floating = value.defined() && value.is_floating_point();
        return scale && floating ? value * *scale : value;
      },
      at);
  out = settled(out, GradOptions{});
  if (!scale) out.loss = std::move(loss);
  return {std::move(gradients), std::move(out)};
}

// A parameter at several places has the sum of their gradients.
std::vector<Tensor> by_array(const std::vector<Tensor>& gradients, const Leaves& leaves,
                             const Layout& layout) {
  std::vector<Tensor> all(layout.arrays.size());
  for (size_t i = 0; i < gradients.size(); ++i) {
    Tensor& sum = all[static_cast<size_t>(layout.array_at[leaves.trained[i]])];
    sum = sum.defined() ? sum + gradients[i] : gradients[i].contiguous();
  }
  return all;
}

Tree at_their_places(const std::vector<Tensor>& gradients, const Leaves& leaves,
                     const Layout& layout) {
  std::vector<Tree> parts(leaves.parameters.size());
  for (size_t i = 0; i < gradients.size(); ++i) parts[leaves.trained[i]] = gradients[i];
  return layout.tree_by_leaf(parts, false);
}

// What lies in flat arrays is a sum over all places of a parameter: it stands at the first one, and
// zeros at the others.
Tree at_first_places(const std::vector<Tensor>& sums, const Leaves& leaves, const Layout& layout) {
  std::vector<Tree> parts(leaves.parameters.size());
  std::vector<char> seen(sums.size(), 0);
  for (size_t leaf : leaves.trained) {
    const auto a = static_cast<size_t>(layout.array_at[leaf]);
    parts[leaf] = seen[a] ? at::zeros({}, sums[a].options()).expand(sums[a].sizes()) : sums[a];
    seen[a] = 1;
  }
  return layout.tree_by_leaf(parts, false);
}

// The sum over the micro-batches, in kept; what is left of a part without weight is what it was.
struct Sum {
  Tensor loss;
  Tree states, stats;
};

// alone: no other processes have parts of the batch.
Sum sum_of_parts(const Objective& objective, const Tree& batch, const Tree& before,
                 const TrainState& ts, const Leaves& leaves, FlatGradients& kept, double weight,
                 const char* who, bool alone) {
  const auto& flat = TrainStateAccess::storage(ts).flat;
  const auto& options = TrainStateAccess::options(ts);
  Sum sum{.loss = {}, .states = before, .stats = {}};
  std::vector<Tree> stats;
  for (const auto& [rows, share] : micro_batches(batch, options, who)) {
    std::optional<PartWeight> counts;
    if (!alone) counts.emplace(share * weight);
    auto [gradients, out] = differentiate_part(objective, rows, sum.states, ts, leaves, who, alone);
    kept.add_(by_array(gradients, leaves, flat.layout()), share * weight);
    const Tensor part = share == 1 ? out.loss : out.loss * share;
    sum.loss = sum.loss.defined() ? sum.loss + part : part;
    sum.states = std::move(out.st);
    stats.push_back(std::move(out.stats));
  }
  sum.stats = options.micro_batches == 1 ? std::move(stats.at(0)) : tuple(std::move(stats));
  return sum;
}

StepWeight weight_of(const Tree& batch, const TrainStateOptions& options) {
  const auto rows = static_cast<double>(data::numobs(batch));
  const double weight = options.weight ? own_weight(batch, options) : rows;
  if (weight == 0) return {.loss = 0, .rows = 0};
  return {.loss = options.combine == Combine::sum ? 1 : weight, .rows = rows};
}

// The sum of the gradients in a message of 16 bits.
void sum_narrow(const TrainState& ts, FlatGradients& kept, const char* who) {
  const auto& options = TrainStateAccess::options(ts);
  for (const Tensor& message : kept.narrow_(*options.message_dtype)) {
    options.group.backend()->step_(message);
    // Infinite gradients are what a scaled loss expects.
    const bool judged = *options.message_dtype == kFloat16 &&
                        !TrainStateAccess::storage(ts).flat.loss_scale().has_value();
    if (!judged || at::isfinite(message).all().item<bool>()) continue;
    ArgumentError error(who,
                        "expected gradients of at most 65504, to be sent in float16, got infinite "
                        "ones or NaN. Set .message_dtype = kBFloat16.");
    error.prepend_path_(fmt::format("step {}", ts.step + 1));
    throw error;
  }
  kept.widen_();
}

// The same of all processes' parts.
Sum sum_of_group(const Objective& objective, const Tree& batch, const TrainState& ts,
                 const Leaves& leaves, FlatGradients& kept, const char* who) {
  const auto& flat = TrainStateAccess::storage(ts).flat;
  const auto& options = TrainStateAccess::options(ts);
  if (options.check_every > 0 && ts.step % options.check_every == 0)
    check_same_parameters(options.group, flat, who, ts.step);
  StepTail tail(ts.states(), TrainStateAccess::structure(ts).states);
  kept.reset_(tail.numel());
  Sum own{.loss = {}, .states = ts.states(), .stats = {}};
  telling_others(options.group, [&] {
    const StepWeight weight = weight_of(batch, options);
    if (weight.loss == 0) return;
    own = sum_of_parts(objective, batch, own_keys(ts.states(), options.group), ts, leaves, kept,
                       weight.loss, who, false);
    tail.set_after_(own.states);
    tail.write_(kept.tail(), own.loss, weight);
  });
  for (size_t leaf : leaves.trained) kept.count_(static_cast<size_t>(flat.layout().array_at[leaf]));
  if (options.message_dtype) {
    options.group.backend()->step_(kept.tail());
  } else {
    for (const Tensor& message : kept.messages()) options.group.backend()->step_(message);
  }
  auto [weight, loss, states] = tail.read(kept.tail());
  if (weight == 0)
    throw ArgumentError(who, "expected rows on one process at least, got none on all of them.");
  if (reads(loss, options, flat.loss_scale().has_value())) check_finite(loss, who, ts.step + 1);
  if (options.combine == Combine::sum) {
    loss = loss * weight;
  } else {
    for (const Tensor& sums : kept.all()) sums.div_(weight);
  }
  if (options.message_dtype) sum_narrow(ts, kept, who);
  return {std::move(loss), next_keys(ts.states(), states), std::move(own.stats)};
}

}  // namespace

BatchGradients batch_gradients(const Objective& objective, const Tree& batch, const TrainState& ts,
                               FlatGradients& kept, const char* who) {
  const auto& flat = TrainStateAccess::storage(ts).flat;
  const auto& options = TrainStateAccess::options(ts);
  const Leaves leaves = leaves_of(flat);
  const bool alone = options.group.size() == 1;
  if (options.micro_batches == 1 && !options.reduce && alone) {
    auto [gradients, out] =
        differentiate_part(objective, batch, ts.states(), ts, leaves, who, true);
    auto sums = by_array(gradients, leaves, flat.layout());
    return {std::move(sums), at_their_places(gradients, leaves, flat.layout()), std::move(out.loss),
            std::move(out.stats), std::move(out.st)};
  }
  if (alone) kept.reset_();
  Sum sum = alone ? sum_of_parts(objective, batch, ts.states(), ts, leaves, kept, 1, who, true)
                  : sum_of_group(objective, batch, ts, leaves, kept, who);
  if (options.reduce) telling_others(options.group, [&] { options.reduce(kept.all()); });
  auto sums = kept.by_array();
  return {sums, at_first_places(sums, leaves, flat.layout()), std::move(sum.loss),
          std::move(sum.stats), std::move(sum.states)};
}

}  // namespace luxtorch::detail
